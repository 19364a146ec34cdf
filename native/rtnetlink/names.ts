/** Kernel numbers ↔ the words of iproute2. A number without a word stays a number. */

import type { NeighbourState, OperationalState, RouteType, RuleAction, Scope } from './types.js';

/** A two-way table of words; numbers pass through. */
class Words<Word extends string> {
  private readonly numbers: ReadonlyMap<Word, number>;
  private readonly words: ReadonlyMap<number, Word>;

  constructor(
    private readonly what: string,
    entries: Readonly<Record<Word, number>>,
  ) {
    const pairs = Object.entries(entries) as [Word, number][];
    this.numbers = new Map(pairs);
    this.words = new Map(pairs.map(([word, number]) => [number, word]));
  }

  toWord(number: number): Word | number {
    return this.words.get(number) ?? number;
  }

  toNumber(value: Word | number): number {
    const number = typeof value === 'number' ? value : this.numbers.get(value);
    if (number === undefined) {
      throw new TypeError(`Expected ${this.what} to be a number or one of ${[...this.numbers.keys()].join(', ')}, got ${JSON.stringify(value)}`);
    }
    return number;
  }
}

/** RT_SCOPE_* (linux/rtnetlink.h). */
export const scopes = new Words<Exclude<Scope, number>>('a scope', { global: 0, site: 200, link: 253, host: 254, nowhere: 255 });

/** RTN_* (linux/rtnetlink.h). */
export const routeTypes = new Words<Exclude<RouteType, number>>('a route type', {
  unicast: 1, local: 2, broadcast: 3, anycast: 4, multicast: 5, blackhole: 6, unreachable: 7, prohibit: 8, throw: 9,
});

/** FR_ACT_* (linux/fib_rules.h). */
export const ruleActions = new Words<Exclude<RuleAction, number>>('a rule action', {
  lookup: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8,
});

/** NUD_* (linux/neighbour.h). */
export const neighbourStates = new Words<Exclude<NeighbourState, number>>('a neighbour state', {
  none: 0, incomplete: 1, reachable: 2, stale: 4, delay: 8, probe: 16, failed: 32, noarp: 64, permanent: 128,
});

/** IF_OPER_* (linux/if.h). */
const OPERATIONAL_STATES: readonly OperationalState[] = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'];

export function operationalState(number: number): OperationalState {
  return OPERATIONAL_STATES[number] ?? 'unknown';
}
