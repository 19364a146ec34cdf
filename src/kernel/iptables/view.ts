/** From everything that iptables-save printed to what is ours of it. */
import { iptablesTables, type GuestRule } from '../../plan/iptables.js';
import { peersChainOf, untrackedTunnel } from '../../plan/host.js';
import type { PlacePlan } from '../../plan/node-plan.js';
import * as rules from '../../plan/rules.js';
import type { Settings } from '../../settings.js';
import { ownsWholly } from '../ownership.js';
import type { ObservedChain, ObservedGuest, ObservedIptables } from '../state.js';
import { isBuiltIn, type IptablesDocument, type TableDocument } from './document.js';
import { ranked, seatOf } from './placement.js';
import { isKnownTable, ruleKey, targetOf } from './words.js';

/** Is iptables any of our business in this place? Never in a task's. */
export function usesIptables(plan: PlacePlan): boolean {
  return ownsWholly(plan) || plan.place === 'host';
}

export function viewOf(document: IptablesDocument, plan: PlacePlan, names: Settings['names']): ObservedIptables {
  return ownsWholly(plan)
    ? { chains: ownChains(document, plan), guests: [] }
    : { chains: [names.chain, peersChainOf(names.chain)].flatMap((chain) => chainsNamed(document, chain)), guests: guestsIn(document, plan.iptables.guests, names) };
}

/** All chains, but built-in ones that the plan does not speak of and that do nothing. */
function ownChains(document: IptablesDocument, plan: PlacePlan): ObservedChain[] {
  const planned = new Set(plan.iptables.chains.map(({ table, chain }) => `${table} ${chain}`));
  return knownTables(document).flatMap(({ name: table, chains }) =>
    isKnownTable(table)
      ? [...chains.values()]
          .filter(({ name, policy, rules: own }) => planned.has(`${table} ${name}`) || !isBuiltIn(table, name) || own.length > 0 || (policy !== null && policy !== 'ACCEPT'))
          .map(({ name, policy, rules: own }) => ({ table, chain: name, policy, rules: own.map(({ words }) => words) }))
      : [],
  );
}

function chainsNamed(document: IptablesDocument, chain: string): ObservedChain[] {
  return knownTables(document).flatMap(({ name: table, chains }) => {
    const found = chains.get(chain);
    return found === undefined || !isKnownTable(table) ? [] : [{ table, chain, policy: found.policy, rules: found.rules.map(({ words }) => words) }];
  });
}

/** The planned guests that are there, and others of ours that no plan wants (any more). */
function guestsIn(document: IptablesDocument, planned: readonly GuestRule[], names: Settings['names']): ObservedGuest[] {
  const rulesIn = (table: string, chain: string) => document.tables.get(table)?.chains.get(chain)?.rules.map(({ words }) => words) ?? [];
  const known = new Set(planned.map(guestKey));
  const present = ranked(planned).flatMap(({ guest, rank }) => {
    const seat = seatOf(guest, rank, rulesIn(guest.table, guest.chain));
    return seat.copies === 0 ? [] : [{ ...guest, ...seat }];
  });
  return [...present, ...strayGuests(document, names).filter((guest) => !known.has(guestKey(guest)))];
}

/** Rules of ours in chains of others, whatever the plan says: jumps to our chains, and the few others that we ever write. */
export function strayGuests(document: IptablesDocument, names: Settings['names']): ObservedGuest[] {
  const ours = new Set([
    rules.masqueradeOwnConnections(names.gatewayBridge),
    rules.dropMartians(names.gatewayBridge),
    ...untrackedTunnel.map(({ rule }) => rule),
  ].map(ruleKey));
  const chainsOfOurs = new Set([names.chain, peersChainOf(names.chain)]);
  const found = new Map<string, ObservedGuest>();
  for (const { name: table, chains } of knownTables(document)) {
    if (!isKnownTable(table)) continue;
    for (const { name: chain, rules: own } of chains.values()) {
      if (chainsOfOurs.has(chain)) continue;
      for (const { words } of own) {
        if (!chainsOfOurs.has(targetOf(words) ?? '') && !ours.has(ruleKey(words))) continue;
        const guest: GuestRule = { table, chain, placement: 'anywhere', rule: words };
        const key = guestKey(guest);
        found.set(key, { ...guest, copies: (found.get(key)?.copies ?? 0) + 1, placed: true });
      }
    }
  }
  return [...found.values()];
}

export function guestKey({ table, chain, rule }: GuestRule): string {
  return `${table} ${chain} ${ruleKey(rule)}`;
}

function knownTables(document: IptablesDocument): TableDocument[] {
  return iptablesTables.flatMap((name) => document.tables.get(name) ?? []);
}
