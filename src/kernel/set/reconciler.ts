/** Sets: read and changed over netlink, many members in one message. */
import { setTimeout } from 'node:timers/promises';

import {
  addEntries, createSet, deleteEntries, destroySet, IPSET_ERR_BUSY, IPSET_ERR_TYPE_MISMATCH, NetlinkError, renameSet, swapSets,
  type IpSets, type NetlinkMessage, type NetlinkResult,
} from '../../../native/index.js';
import type { KernelSet } from '../../plan/objects.js';
import { refusalOf } from '../batch.js';
import { asError } from '../errors.js';
import { applying, groupBy, observing, type Reconciler, type Refusal } from '../reconciler.js';
import { diffSets, type SetChange } from './diff.js';
import { entryOf } from './members.js';
import { readSets, spareName } from './observe.js';

/** How often, and after what pause, a set is destroyed that is still in use. */
const mostTries = 50;
const pauseMilliseconds = 20;

export const setReconciler: Reconciler<'set', SetChange> = {
  observe: observing((open, plan) => readSets(open, plan)),
  diff: (pairs) => pairs.flatMap(diffSets),
  apply: applying((open, changes) => applySets(open.sets(), changes)),
};

/** New sets first, then what they hold, then what goes. */
export async function applySets(sets: Pick<IpSets, 'request'>, changes: readonly SetChange[]): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  const note = (refusal: Refusal | null): void => { if (refusal !== null) refusals.push(refusal); };
  for (const change of changes) {
    const { subject } = change;
    if (subject.type === 'make') note(attempt(change, () => make(sets, subject.set)));
    if (subject.type === 'replace') note(attempt(change, () => replace(sets, subject.set)));
  }
  for (const refusal of applyMembers(sets, changes)) refusals.push(refusal);
  for (const change of changes) {
    const { subject } = change;
    if (subject.type === 'destroy') note(await destroy(sets, change, subject.set.name));
  }
  return refusals;
}

/** With the nft back end a rule that is gone lets go of its set only some milliseconds later (nf_tables_trans_destroy_work() of the kernel). */
async function destroy(sets: Pick<IpSets, 'request'>, change: SetChange, name: string): Promise<Refusal | null> {
  for (let tries = 1; ; tries += 1) {
    const refusal = attempt(change, () => sets.request([destroySet(name)]));
    if (tries === mostTries || !(refusal?.error instanceof NetlinkError) || refusal.error.errno !== IPSET_ERR_BUSY) return refusal;
    await setTimeout(pauseMilliseconds);
  }
}

/** All members of a set that come, or go, together: refused together, too. */
function applyMembers(sets: Pick<IpSets, 'request'>, changes: readonly SetChange[]): Refusal[] {
  const refusals: Refusal[] = [];
  for (const [set, ofSet] of groupBy(changes.filter(isMemberChange), ({ subject }) => subject.set)) {
    for (const [isRemoval, group] of groupBy(ofSet, ({ action }) => action === 'remove')) {
      const [first] = group;
      if (first === undefined) continue;
      const write = isRemoval ? deleteEntries : addEntries;
      const refusal = attempt(first, () => sets.request(write(newSet(set), group.map(({ subject }) => entryOf(subject.member)))));
      if (refusal !== null) for (const change of group) refusals.push({ ...refusal, change });
    }
  }
  return refusals;
}

type MemberChange = SetChange & { readonly subject: Extract<SetChange['subject'], { readonly type: 'member' }> };

function isMemberChange(change: SetChange): change is MemberChange {
  return change.subject.type === 'member';
}

function make(sets: Pick<IpSets, 'request'>, set: KernelSet, name = set.name): readonly NetlinkResult[] {
  return sets.request([createSet(newSet(set, name)), ...addEntries(newSet(set, name), set.members.map(entryOf))]);
}

/** In one step for the packets where the kernel can: the types must be of a kind for that, or no rule may use the old one. */
function replace(sets: Pick<IpSets, 'request'>, set: KernelSet): readonly NetlinkResult[] {
  const spare = spareName(set.name);
  sets.request([destroySet(spare)]);
  const made = make(sets, set, spare);
  if (made.some(({ ok }) => !ok)) return made;
  const swapped = sets.request([swapSets(spare, set.name)]);
  const isOfAnotherKind = swapped.some((result) => !result.ok && 'errno' in result.error && result.error.errno === IPSET_ERR_TYPE_MISMATCH);
  const put = isOfAnotherKind ? stopAtFirstRefusal(sets, [destroySet(set.name), renameSet(spare, set.name)]) : swapped;
  sets.request([destroySet(spare)]);
  return put;
}

function stopAtFirstRefusal(sets: Pick<IpSets, 'request'>, messages: readonly NetlinkMessage[]): readonly NetlinkResult[] {
  const results: NetlinkResult[] = [];
  for (const message of messages) {
    results.push(...sets.request([message]));
    if (results.at(-1)?.ok === false) break;
  }
  return results;
}

function attempt(change: SetChange, send: () => readonly NetlinkResult[]): Refusal | null {
  try {
    return refusalOf(change, send());
  } catch (error) {
    return refusalOf(change, [], asError(error));
  }
}

function newSet({ name, type, marked, members }: KernelSet, as = name): Parameters<typeof createSet>[0] {
  return { name: as, type, withMarks: marked, expected: members.length };
}
