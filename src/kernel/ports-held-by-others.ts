/** Published ports on which another program of this node listens: they are not taken from it. */
import { findSocketOwners, listListeners, type NetworkNamespace } from '../../native/index.js';
import type { Placeholder } from '../plan/objects.js';

/** A program that listens on a port. */
export interface ListeningProgram {
  /** `nginx (pid 123)`. */
  readonly text: string;
  /** Undefined where the kernel shows no process (one of another pid namespace, or the kernel itself). */
  readonly command: string | undefined;
  readonly processId: number | undefined;
}

/** By `protocol/number`. */
export function programsListening(host: NetworkNamespace, ports: Iterable<Placeholder>): Map<string, ListeningProgram[]> {
  const wanted = new Set([...ports].map(({ protocol, port }) => `${protocol}/${port}`));
  const programs = new Map<string, ListeningProgram[]>();
  if (wanted.size === 0) return programs;
  const listeners = listListeners(host).filter(({ protocol, port }) => wanted.has(`${protocol}/${port}`));
  if (listeners.length === 0) return programs;

  const owners = findSocketOwners(listeners.map(({ inode }) => inode));
  for (const { protocol, port, inode } of listeners) {
    const key = `${protocol}/${port}`;
    const found = (owners.get(inode) ?? []).map(({ command, processId }) => ({ text: `${command} (pid ${processId})`, command, processId }));
    const known = programs.get(key) ?? [];
    programs.set(key, [...known, ...(found.length > 0 ? found : [{ text: 'a program that can’t be named', command: undefined, processId: undefined }])]);
  }
  return programs;
}

/**
 * `protocol/number` → `nginx (pid 123)`, for each of the ports on which a program listens that is neither dockerd (its
 * own placeholder for a port that it publishes) nor this process (ours).
 */
export function portsHeldByOthers(host: NetworkNamespace, ports: Iterable<Placeholder>): Map<string, string> {
  const held = new Map<string, string>();
  for (const [key, programs] of programsListening(host, ports)) {
    const others = programs.filter(({ command, processId }) => command !== 'dockerd' && processId !== process.pid);
    const isPartlyKnown = others.length < programs.length;
    // A socket that dockerd or we share by file descriptor is dockerd's or ours, whoever else has it open.
    if (others.length > 0 && !isPartlyKnown) held.set(key, [...new Set(others.map(({ text }) => text))].join(', '));
  }
  return held;
}
