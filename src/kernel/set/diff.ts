/** The plan's sets against those that are there. Pure. */
import type { KernelSet, Place, SetMember } from '../../plan/objects.js';
import { memberKey } from '../../plan/sets.js';
import { changesBetween } from '../../sharing.js';
import type { Action, Change } from '../change.js';
import type { PlacePair } from '../reconciler.js';
import type { ObservedSet } from '../state.js';
import { describeMember } from './members.js';

export type SetSubject =
  /** Make it, with all that it should hold. */
  | { readonly type: 'make'; readonly set: KernelSet }
  /** Somebody made another set of that name: make it anew with all that it should hold, and put it in the other's place. */
  | { readonly type: 'replace'; readonly set: KernelSet }
  | { readonly type: 'destroy'; readonly set: Pick<ObservedSet, 'name'> }
  | { readonly type: 'member'; readonly set: KernelSet; readonly member: SetMember };

export interface SetChange extends Change {
  readonly kind: 'set';
  readonly subject: SetSubject;
  readonly device: null;
}

export function diffSets({ desired: { place, sets }, observed }: PlacePair): SetChange[] {
  const found = new Map(observed.set.map((set) => [set.name, set]));
  const changes: SetChange[] = [];
  for (const set of sets) {
    const existing = found.get(set.name);
    found.delete(set.name);
    if (existing !== undefined && !isAlike(set, existing)) {
      changes.push(wholeChange(place, 'change', set.name, `${describeWhole(set)} (was ${describe(existing)})`, { type: 'replace', set }));
    } else if (existing === undefined) {
      changes.push(wholeChange(place, 'add', set.name, describeWhole(set), { type: 'make', set }));
    } else {
      for (const change of diffMembers(place, set, existing.members)) changes.push(change);
    }
  }
  for (const set of found.values()) changes.push(wholeChange(place, 'remove', set.name, describe(set), { type: 'destroy', set }));
  return changes;
}

/** Against another plan most members are the very objects: only the others are looked into. */
function diffMembers(place: Place, set: KernelSet, observed: readonly SetMember[]): SetChange[] {
  const { removed, added } = changesBetween(observed, set.members);
  const before = new Map(removed.map((member) => [memberKey(member), member]));
  const changes: SetChange[] = [];
  for (const member of added) {
    const existing = takeLike(member, before);
    if (existing === undefined) changes.push(new MemberChange(place, 'add', set, member));
    else if (existing.mark !== member.mark) changes.push(new MemberChange(place, 'change', set, member));
  }
  for (const member of before.values()) changes.push(new MemberChange(place, 'remove', set, member));
  return changes;
}

function takeLike(member: SetMember, from: Map<string, SetMember>): SetMember | undefined {
  // A whole set is often new, and a key for each of its members would be made for nothing.
  if (from.size === 0) return undefined;
  const key = memberKey(member);
  const found = from.get(key);
  from.delete(key);
  return found;
}

/** Its words are made when they are asked for, as those of all changes that come by the thousand. */
class MemberChange implements SetChange {
  readonly kind = 'set';
  readonly device = null;

  constructor(readonly place: Place, readonly action: Action, private readonly set: KernelSet, private readonly member: SetMember) {}

  get subject(): Extract<SetSubject, { readonly type: 'member' }> {
    return { type: 'member', set: this.set, member: this.member };
  }

  get key(): string {
    return `${this.set.name} ${memberKey(this.member)}`;
  }

  get summary(): string {
    return `member ${describeMember(this.member)} of set ${this.set.name}`;
  }
}

function isAlike(desired: KernelSet, observed: ObservedSet): boolean {
  return observed.type === desired.type && observed.marked === desired.marked && observed.odd !== true;
}

function describe({ name, type, marked, odd }: ObservedSet): string {
  return `set ${name} (${type}${marked ? ', with marks' : ''}${odd === true ? ', with other options' : ''})`;
}

function describeWhole(set: KernelSet): string {
  return `${describe(set)} with ${set.members.length} ${set.members.length === 1 ? 'member' : 'members'}`;
}

function wholeChange(place: Place, action: Action, name: string, summary: string, subject: SetSubject): SetChange {
  return { kind: 'set', place, action, key: name, summary, subject, device: null };
}
