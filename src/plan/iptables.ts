/** iptables rules as data: what of a table is ours, in iptables-save's own words. */

export const iptablesTables = ['raw', 'mangle', 'nat', 'filter'] as const;
export type IptablesTable = (typeof iptablesTables)[number];

/**
 * A rule's words as iptables-save prints them after `-A CHAIN` (canonical order and spelling, so that an observed rule
 * compares equal word by word). Built only by the functions of `plan/rules.ts`, from values that were parsed before.
 */
export type RuleWords = readonly string[];

/** A chain that is wholly ours: every rule in it that the plan does not know is removed. */
export interface OwnedChain {
  readonly table: IptablesTable;
  readonly chain: string;
  /** Built-in chains of our own namespaces have a policy; a user-defined chain has none. */
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly RuleWords[];
}

/**
 * Where one of our rules stands in a chain that belongs to others.
 * `first`: before every other rule. `after-docker-user`: right after the jump to DOCKER-USER where there is one, else
 * first. `anywhere`: its position does not matter.
 */
export type Placement = 'first' | 'after-docker-user' | 'anywhere';

/** One rule of ours in a chain that belongs to others; it must be there exactly once. */
export interface GuestRule {
  readonly table: IptablesTable;
  readonly chain: string;
  readonly placement: Placement;
  readonly rule: RuleWords;
}

export interface IptablesPlan {
  readonly chains: readonly OwnedChain[];
  readonly guests: readonly GuestRule[];
}

export const emptyIptablesPlan: IptablesPlan = { chains: [], guests: [] };
