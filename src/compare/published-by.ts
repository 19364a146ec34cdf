/** Which published ports a rule is for: the one that it names, or those of the set that it asks. */
import { protocols, type Protocol } from '../cluster/state.js';
import { memberKey } from '../plan/sets.js';
import type { ParsedRule } from '../trace/rules/parsed-rule.js';
import type { SeenSet, SeenSets } from '../trace/rules/sets.js';

export interface PublishedKey {
  readonly protocol: Protocol;
  readonly published: number;
}

export function portsOf(rule: ParsedRule, sets: SeenSets | undefined): PublishedKey[] {
  const protocol = protocolOf(rule);
  if (protocol === null) return [];
  const set = setOf(rule, sets);
  if (set !== null) return [...set.members.values()].flatMap(({ port }) => (port === undefined ? [] : [{ protocol, published: port }]));
  const published = Number(valueOf(rule, '--dport'));
  return Number.isInteger(published) ? [{ protocol, published }] : [];
}

export function isForPort(rule: ParsedRule, { protocol, published }: PublishedKey, sets: SeenSets | undefined): boolean {
  if (protocolOf(rule) !== protocol) return false;
  const set = setOf(rule, sets);
  return set === null ? Number(valueOf(rule, '--dport')) === published : set.members.has(memberKey({ port: published }));
}

/** What the rule's set has for a port; null: it asks none, or the set has no mark for it. */
export function markInSet(rule: ParsedRule, published: number, sets: SeenSets | undefined): number | null {
  return setOf(rule, sets)?.members.get(memberKey({ port: published }))?.mark ?? null;
}

function protocolOf(rule: ParsedRule): Protocol | null {
  return protocols.find((name) => name === valueOf(rule, '-p')) ?? null;
}

/** A set of ports that is asked for the packet's destination. */
function setOf(rule: ParsedRule, sets: SeenSets | undefined): SeenSet | null {
  const [name, directions] = rule.targetOptions.get('--map-set') ?? rule.matches.find(({ option, negated }) => option === '--match-set' && !negated)?.values ?? [];
  const set = name === undefined ? undefined : sets?.get(name);
  return set?.type === 'bitmap:port' && directions === 'dst' ? set : null;
}

function valueOf({ matches }: ParsedRule, option: string): string | undefined {
  return matches.find((match) => match.option === option && !match.negated)?.values[0];
}
