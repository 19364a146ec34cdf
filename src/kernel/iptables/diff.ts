/** The plan's rules against those that are there. Pure; where each rule goes is found when it is written (`edit.ts`). */
import type { GuestRule, OwnedChain, RuleWords } from '../../plan/iptables.js';
import type { Place } from '../../plan/objects.js';
import type { Action, Change } from '../change.js';
import { ownsWholly } from '../ownership.js';
import { differingSpan } from '../../sharing.js';
import type { PlacePair } from '../reconciler.js';
import type { ObservedChain } from '../state.js';
import { isBuiltIn } from './document.js';
import { longestCommonOrder } from './order.js';
import { ranked } from './placement.js';
import { guestKey } from './view.js';
import { ruleKey } from './words.js';

export type IptablesSubject =
  /** Make the chain be there, with its policy; or, `desired: null`, not be there. */
  | { readonly type: 'chain'; readonly chain: Pick<OwnedChain, 'table' | 'chain'>; readonly desired: OwnedChain | null }
  /** One rule of a chain that is ours; it goes where `desired` has it. */
  | { readonly type: 'rule'; readonly chain: Pick<OwnedChain, 'table' | 'chain'>; readonly desired: OwnedChain; readonly rule: RuleWords }
  | { readonly type: 'guest'; readonly guest: GuestRule; readonly rank: number };

export interface IptablesChange extends Change {
  readonly kind: 'iptables';
  readonly subject: IptablesSubject;
  readonly device: null;
}

/** Its words are made when they are asked for, as those of all changes that come by the thousand. */
class RuleChange implements IptablesChange {
  readonly kind = 'iptables';
  readonly device = null;

  constructor(
    readonly place: Place,
    readonly action: Action,
    /** Of a rule that is there several times: which one it is. */
    private readonly copy: string,
    readonly subject: Extract<IptablesSubject, { readonly type: 'rule' }>,
  ) {}

  get key(): string {
    return ruleId(this.subject.chain, `${ruleKey(this.subject.rule)}${this.copy}`);
  }

  get summary(): string {
    const { chain: { table, chain }, rule } = this.subject;
    return `rule ${table} ${chain} ${rule.join(' ')}${this.action === 'change' ? ' (out of order)' : ''}`;
  }
}

export function diffIptables({ desired, observed }: PlacePair): IptablesChange[] {
  return [...diffChains(desired.place, desired.iptables.chains, observed.iptables.chains, ownsWholly(desired)), ...diffGuests({ desired, observed })];
}

function diffChains(place: Place, desired: readonly OwnedChain[], observed: readonly ObservedChain[], ownsPolicies: boolean): IptablesChange[] {
  const found = new Map(observed.map((chain) => [chainKey(chain), chain]));
  const wanted = new Set(desired.map(chainKey));
  const changes = desired.flatMap((chain) => diffChain(place, chain, found.get(chainKey(chain))));

  for (const chain of observed) {
    if (wanted.has(chainKey(chain))) continue;
    if (ownsPolicies && isBuiltIn(chain.table, chain.chain)) {
      for (const one of diffChain(place, { table: chain.table, chain: chain.chain, policy: 'ACCEPT', rules: [] }, chain)) changes.push(one);
    } else {
      changes.push(change(place, 'remove', chainKey(chain), `chain ${chain.table} ${chain.chain}`, { type: 'chain', chain, desired: null }));
    }
  }
  return changes;
}

function diffChain(place: Place, desired: OwnedChain, observed: ObservedChain | undefined): IptablesChange[] {
  const name = `${desired.table} ${desired.chain}`;
  const changes: IptablesChange[] = [];
  const subject: IptablesSubject = { type: 'chain', chain: desired, desired };
  if (observed === undefined) {
    changes.push(change(place, 'add', chainKey(desired), `chain ${name}${desired.policy === undefined ? '' : ` policy ${desired.policy}`}`, subject));
  } else if (desired.policy !== undefined && observed.policy !== desired.policy) {
    changes.push(change(place, 'change', chainKey(desired), `chain ${name} policy ${observed.policy ?? 'none'} → ${desired.policy}`, subject));
  }

  // Against another plan most rules are the very objects: only what lies between those at both ends is looked into.
  const present = observed?.rules ?? [];
  const { start, previousEnd, nextEnd } = differingSpan(present, desired.rules);
  const before = numbered(present.slice(start, previousEnd));
  const after = numbered(desired.rules.slice(start, nextEnd));
  const kept = longestCommonOrder([...after.keys()], [...before.keys()]);
  for (const [key, rule] of after) {
    if (kept.has(key)) continue;
    const moved = before.has(key);
    changes.push(new RuleChange(place, moved ? 'change' : 'add', copyOf(key), { type: 'rule', chain: desired, desired, rule }));
  }
  for (const [key, rule] of before) {
    if (!after.has(key)) changes.push(new RuleChange(place, 'remove', copyOf(key), { type: 'rule', chain: desired, desired, rule }));
  }
  return changes;
}

function diffGuests({ desired, observed }: PlacePair): IptablesChange[] {
  const found = new Map(observed.iptables.guests.map((guest) => [guestKey(guest), guest]));
  const changes: IptablesChange[] = [];
  for (const { guest, rank } of ranked(desired.iptables.guests)) {
    const key = guestKey(guest);
    const existing = found.get(key);
    found.delete(key);
    const text = `rule ${guest.table} ${guest.chain} ${guest.rule.join(' ')}`;
    const subject: IptablesSubject = { type: 'guest', guest, rank };
    if (existing === undefined) changes.push(change(desired.place, 'add', key, text, subject));
    else if (!existing.placed) changes.push(change(desired.place, 'change', key, `${text} (moved back: ${guest.placement})`, subject));
    else if (existing.copies > 1) changes.push(change(desired.place, 'change', key, `${text} (was there ${existing.copies} times)`, subject));
  }
  for (const [key, { table, chain, placement, rule }] of found) {
    changes.push(change(desired.place, 'remove', key, `rule ${table} ${chain} ${rule.join(' ')}`, { type: 'guest', guest: { table, chain, placement, rule }, rank: 0 }));
  }
  return changes;
}

/** Before the number of a copy: no rule has an empty word. */
const copyMark = '\u0000\u0000';

function copyOf(key: string): string {
  const at = key.lastIndexOf(copyMark);
  return at === -1 ? '' : key.slice(at);
}

/** Rules by key; a rule that is there twice is two. */
export function numbered(rules: readonly RuleWords[]): Map<string, RuleWords> {
  const counts = new Map<string, number>();
  return new Map(
    rules.map((rule) => {
      const key = ruleKey(rule);
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return [count === 1 ? key : `${key}${copyMark}${count}`, rule];
    }),
  );
}

function chainKey({ table, chain }: Pick<OwnedChain, 'table' | 'chain'>): string {
  return `${table} ${chain}`;
}

function ruleId(chain: Pick<OwnedChain, 'table' | 'chain'>, key: string): string {
  return `${chainKey(chain)} ${key}`;
}

function change(place: Place, action: Action, key: string, summary: string, subject: IptablesSubject): IptablesChange {
  return { kind: 'iptables', place, action, key, summary, subject, device: null };
}
