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
    this.kept.push({ ...whole(hop), outcome: doubtful ? 'unknown' : 'passes' });
  }

  end(hop: Seen, { why, remedy }: End): void {
    this.kept.push({ ...whole(hop), outcome: 'ends', why, remedy });
  }
}

function whole(hop: Seen): Omit<Hop, 'outcome'> {
  return { rules: [], counters: null, notes: [], commands: [], why: null, remedy: null, ...hop };
}
