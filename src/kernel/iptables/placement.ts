/**
 * Where our rules stand in chains that belong to others.
 *
 * dockerd's FORWARD begins with DOCKER-USER, then DOCKER-INGRESS (up to 28.0.0) or DOCKER-FORWARD (since 28.0.1): ours
 * comes between them, so that the user's firewall keeps its word and dockerd's ingress has no part. In nat it puts its
 * own jump to DOCKER-INGRESS first again at every start: ours goes before it.
 */
import type { GuestRule, Placement, RuleWords } from '../../plan/iptables.js';
import { ruleKey, targetOf } from './words.js';

/**
 * Index at which a guest belongs. `rank`: how many guests with the same placement in the same chain come before it in
 * the plan. `rules`: those of the chain. Null: anywhere.
 */
export function indexOfPlacement(placement: Placement, rank: number, rules: readonly RuleWords[]): number | null {
  switch (placement) {
    case 'first':
      return rank;
    case 'after-docker-user':
      return rules.findIndex((words) => targetOf(words) === 'DOCKER-USER') + 1 + rank;
    case 'anywhere':
      return null;
  }
}

/** Does the guest stand in the chain exactly once, and where it belongs? */
export function seatOf(guest: GuestRule, rank: number, rules: readonly RuleWords[]): { readonly copies: number; readonly placed: boolean } {
  const key = ruleKey(guest.rule);
  const indexes = rules.flatMap((words, index) => (ruleKey(words) === key ? [index] : []));
  const wanted = indexOfPlacement(guest.placement, rank, rules);
  return { copies: indexes.length, placed: indexes.length > 0 && (wanted === null || indexes[0] === wanted) };
}

/** Each guest with its rank. */
export function ranked(guests: readonly GuestRule[]): { readonly guest: GuestRule; readonly rank: number }[] {
  const counts = new Map<string, number>();
  return guests.map((guest) => {
    const seat = `${guest.table} ${guest.chain} ${guest.placement}`;
    const rank = counts.get(seat) ?? 0;
    counts.set(seat, rank + 1);
    return { guest, rank };
  });
}
