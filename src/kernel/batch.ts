/** Many changes, few sends: netlink messages of several changes together, each result back to its change. */
import type { NetlinkMessage, NetlinkResult } from '../../native/index.js';
import { asError, DeviceMissingError } from './errors.js';
import type { OpenPlace } from './machine.js';
import type { Refusal } from './reconciler.js';
import type { KernelChange } from './reconcilers.js';

/** Errors by which the kernel says that what is to be removed is not there. */
export const goneCodes: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'ENODEV', 'EADDRNOTAVAIL', 'ENXIO']);

/** Sends the messages of all changes at once. A change whose messages can't even be made fails alone. */
export function sendEach<C extends KernelChange>(open: OpenPlace, changes: readonly C[], messagesOf: (change: C) => readonly NetlinkMessage[]): Refusal[] {
  return sendWith(changes, messagesOf, (messages) => open.routes().request(messages));
}

/** So many changes have their messages in memory at a time. */
export const changesAtOnce = 2_000;

/** As `sendEach`, over any socket: `request` gives one result per message, in order. */
export function sendWith<C extends KernelChange, Message>(
  changes: readonly C[],
  messagesOf: (change: C) => readonly Message[],
  request: (messages: readonly Message[]) => readonly NetlinkResult[],
): Refusal[] {
  const refusals: Refusal[] = [];
  for (let start = 0; start < changes.length; start += changesAtOnce) {
    for (const refusal of sendSome(changes.slice(start, start + changesAtOnce), messagesOf, request)) refusals.push(refusal);
  }
  return refusals;
}

function sendSome<C extends KernelChange, Message>(
  changes: readonly C[],
  messagesOf: (change: C) => readonly Message[],
  request: (messages: readonly Message[]) => readonly NetlinkResult[],
): Refusal[] {
  const prepared = changes.map((change): { change: C; messages: readonly Message[]; error?: Error } => {
    try {
      return { change, messages: messagesOf(change) };
    } catch (error) {
      return { change, messages: [], error: asError(error) };
    }
  });
  const messages = prepared.flatMap((one) => one.messages);
  const results = messages.length === 0 ? [] : request(messages);
  let offset = 0;
  return prepared.flatMap(({ change, messages: own, error }) => {
    const ownResults = results.slice(offset, (offset += own.length));
    return refusalOf(change, ownResults, error) ?? [];
  });
}

/** The first refusal that matters: that what is removed was gone before does not. */
export function refusalOf(change: KernelChange, results: readonly NetlinkResult[], error?: Error): Refusal | null {
  if (error !== undefined) return change.action === 'remove' && error instanceof DeviceMissingError ? null : { change, error };
  for (const result of results) {
    if (result.ok) continue;
    const gone = change.action === 'remove' && 'code' in result.error && goneCodes.has(result.error.code);
    if (!gone) return { change, error: result.error };
  }
  return null;
}
