/** The hops of one way as it is followed: it is open until one of them ends it. */
import type { End, Hop } from './hop.js';

type Seen = Pick<Hop, 'place' | 'name' | 'step' | 'what'> & Partial<Pick<Hop, 'rules' | 'counters' | 'notes' | 'commands'>>;

export class Way {
  private readonly kept: Hop[] = [];

  get hops(): readonly Hop[] {
    return this.kept;
  }

  get isOpen(): boolean {
    return this.kept.at(-1)?.outcome !== 'ends';
  }

  /** `doubtful`: it goes on, probably. */
  pass(hop: Seen, doubtful = false): void {
    this.kept.push(whole(hop, doubtful ? 'unknown' : 'passes', null));
  }

  end(hop: Seen, end: End): void {
    this.kept.push(whole(hop, 'ends', end));
  }
}

function whole({ place, name, step, what, rules = [], counters = null, notes = [], commands = [] }: Seen, outcome: Hop['outcome'], end: End | null): Hop {
  return { place, name, step, outcome, what, rules, counters, notes, commands, why: end?.why ?? null, remedy: end?.remedy ?? null };
}
