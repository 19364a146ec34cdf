/**
 * A packet's walk through one built-in chain and all that it calls, in the rules' true order. Pure.
 *
 * A rule that can't be decided is passed over, and remembered as a doubt when it could have decided otherwise.
 */
import type { ChainDocument, Counters, RuleDocument, TableDocument } from '../../kernel/iptables/document.js';
import type { Packet } from '../packet.js';
import { effectOf, type Effect } from './effects.js';
import { applyMark } from './mark.js';
import { isFor, type Surroundings } from './matches.js';
import { parseRule } from './parsed-rule.js';
import { withSet } from './sets.js';

/** A rule that the packet meets, other than by passing it. */
export interface Step {
  readonly chain: string;
  /** As `iptables -L --line-numbers` counts; null for the chain's policy. */
  readonly number: number | null;
  /** How many chains deep. */
  readonly depth: number;
  /** As iptables-save prints it; of a policy: `policy DROP`. */
  readonly words: readonly string[];
  /** `passes`: it matches, and the packet goes on to the next rule. `decides`: the last one. */
  readonly outcome: 'calls' | 'returns' | 'passes' | 'decides' | 'unknown';
  readonly counters: Counters | null;
}

export type Decision = Extract<Effect, { type: 'accept' | 'drop' | 'reject' | 'destination' | 'redirect' | 'source' }>;

export interface Walk {
  readonly table: string;
  readonly chain: string;
  readonly steps: readonly Step[];
  readonly decision: Decision;
  /** The rule or policy that decided; null where there is no such chain, or nothing in it. */
  readonly by: Step | null;
  /** Rules that could have decided otherwise, and can't be decided from here. */
  readonly doubts: readonly Step[];
  /** With the marks that it got on the way. */
  readonly packet: Packet;
}

/** `table` undefined: nobody uses it. */
export function walk(table: TableDocument | undefined, name: { readonly table: string; readonly chain: string }, packet: Packet, surroundings: Surroundings): Walk {
  const chain = table?.chains.get(name.chain);
  if (table === undefined || chain === undefined) return { ...name, steps: [], decision: { type: 'accept' }, by: null, doubts: [], packet };
  return new Walker(table, packet, surroundings).through(chain);
}

class Walker {
  private readonly steps: Step[] = [];
  private readonly doubts: { readonly step: Step; readonly effect: Effect }[] = [];

  constructor(
    private readonly table: TableDocument,
    private packet: Packet,
    private readonly surroundings: Surroundings,
  ) {}

  through(chain: ChainDocument): Walk {
    const decision = this.rulesOf(chain, []) ?? this.policyOf(chain);
    const last = this.steps.at(-1);
    return {
      table: this.table.name,
      chain: chain.name,
      steps: this.steps,
      decision,
      by: last?.outcome === 'decides' ? last : null,
      doubts: this.doubts.filter(({ effect }) => this.couldChange(effect, decision)).map(({ step }) => step),
      packet: this.packet,
    };
  }

  /** Null: the packet goes on behind the call. `callers`: chains that wait for this one; the kernel lets none call itself. */
  private rulesOf(chain: ChainDocument, callers: readonly string[]): Decision | null {
    for (const [index, rule] of chain.rules.entries()) {
      const parsed = parseRule(rule.words);
      const answer = isFor(parsed, this.packet, this.surroundings);
      if (answer === 'no') continue;
      const effect = withSet(effectOf(parsed, this.table.chains), this.packet, this.surroundings.sets);
      const step = stepOf(chain, index, callers.length, rule);
      if (answer === 'unknown' || effect.type === 'unknown') {
        this.doubt(step, effect);
        continue;
      }
      if (effect.type === 'call') {
        this.steps.push({ ...step, outcome: 'calls' });
        const called = this.table.chains.get(effect.chain);
        const decision = called === undefined || callers.includes(called.name) ? null : this.rulesOf(called, [...callers, chain.name]);
        if (decision !== null) return decision;
        if (effect.isGoto) return null;
      } else if (effect.type === 'return') {
        this.steps.push({ ...step, outcome: 'returns' });
        return null;
      } else if (isDecision(effect)) {
        this.steps.push({ ...step, outcome: 'decides' });
        return effect;
      } else {
        this.packet = applyMark(this.packet, effect);
        this.steps.push({ ...step, outcome: 'passes' });
      }
    }
    return null;
  }

  private policyOf(chain: ChainDocument): Decision {
    const { name, policy, counters } = chain;
    this.steps.push({ chain: name, number: null, depth: 0, words: ['policy', policy ?? 'ACCEPT'], outcome: 'decides', counters });
    return policy === 'DROP' ? { type: 'drop' } : { type: 'accept' };
  }

  private doubt(met: Omit<Step, 'outcome'>, effect: Effect): void {
    const step: Step = { ...met, outcome: 'unknown' };
    this.steps.push(step);
    this.doubts.push({ step, effect });
  }

  private couldChange(effect: Effect, decision: Decision): boolean {
    if (effect.type === 'nothing') return false;
    // Where something is translated, to be accepted before means not to be.
    if (effect.type === 'accept' && decision.type === 'accept') return false;
    return effect.type !== 'call' || this.couldDecide(effect.chain, new Set());
  }

  /** Has the chain, or any that it calls, a rule that does something? */
  private couldDecide(name: string, seen: Set<string>): boolean {
    if (seen.has(name)) return false;
    seen.add(name);
    return (this.table.chains.get(name)?.rules ?? []).some(({ words }) => {
      const effect = effectOf(parseRule(words), this.table.chains);
      return effect.type === 'call' ? this.couldDecide(effect.chain, seen) : effect.type !== 'nothing' && effect.type !== 'return';
    });
  }
}

function stepOf(chain: ChainDocument, index: number, depth: number, { words, counters }: RuleDocument): Omit<Step, 'outcome'> {
  return { chain: chain.name, number: index + 1, depth, words, counters };
}

function isDecision(effect: Effect): effect is Decision {
  return ['accept', 'drop', 'reject', 'destination', 'redirect', 'source'].includes(effect.type);
}
