/**
 * Whole looks at the kernel that give way to news. A look at 10,000 ports takes seconds, and what the cluster says
 * meanwhile needs none: it is programmed by what it changes, and the look is begun again afterwards.
 *
 * INVARIANTS
 * - A short look is left to its end: what it costs to begin again is more than what waits for it.
 * - News that never ends does not keep the kernel from being looked at: a look that was put off for so long gives way no more.
 */
import { performance } from 'node:perf_hooks';

/** A look that has lasted for so long gives way, in milliseconds. */
const patienceMilliseconds = 500;
/** So long a look that is due waits for a moment in which nothing is about to happen: a container that crashes again and again never starts for good. */
const longestWaitMilliseconds = 10_000;
/** After so many milliseconds without a look that came to its end, the next one does. */
const longestPutOffMilliseconds = 30_000;

export class Looks {
  private current: { readonly began: number; readonly aborting: AbortController; readonly givesWay: boolean } | null = null;
  private timer: NodeJS.Timeout | undefined;
  /** When the first of the looks was given up that have not been made up for, by the clock; null: none was. */
  private putOffSince: number | null = null;
  /** When the regular look was due that was made to wait; null: none was. */
  private dueSince: number | null = null;
  private stopped = false;

  /** `now`: milliseconds of a clock that never goes back; injected by tests. */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /**
   * Looks, and gives what was found; null when it was given up.
   * @param mayGiveWay false: it must come to its end, since nothing else would say what to program
   */
  async look<Found>(work: (signal: AbortSignal) => Promise<Found>, mayGiveWay: boolean): Promise<Found | null> {
    if (this.stopped) return null;
    const aborting = new AbortController();
    const isOverdue = this.putOffSince !== null && this.now() - this.putOffSince > longestPutOffMilliseconds;
    this.current = { began: this.now(), aborting, givesWay: mayGiveWay && !isOverdue };
    try {
      this.dueSince = null;
      const found = await work(aborting.signal);
      this.putOffSince = null;
      return found;
    } catch (error) {
      if (!aborting.signal.aborted) throw error;
      this.putOffSince ??= this.now();
      return null;
    } finally {
      clearTimeout(this.timer);
      this.current = null;
    }
  }

  /** Whether a regular look may wait, while something is about to happen. */
  mayWait(): boolean {
    this.dueSince ??= this.now();
    return this.now() - this.dueSince <= longestWaitMilliseconds;
  }

  /** There is something to program. */
  giveWay(): void {
    if (this.current?.givesWay !== true) return;
    const { began, aborting } = this.current;
    clearTimeout(this.timer);
    const left = began + patienceMilliseconds - this.now();
    if (left <= 0) aborting.abort();
    else this.timer = setTimeout(() => { aborting.abort(); }, left);
  }

  /** Gives up the look at hand, whatever it is for, and begins none any more. */
  stop(): void {
    this.stopped = true;
    this.current?.aborting.abort();
  }
}
