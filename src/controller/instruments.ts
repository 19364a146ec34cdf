/** What the loop counts and measures of itself for the metrics and its health: the same whether anybody asks or not. */
import { performance } from 'node:perf_hooks';
import { Histogram, latencyBounds } from '../metrics/histogram.js';
import { healthOf, type Health } from './health.js';

/**
 * `full`: the kernel was looked at. `partial`: where it hinted at a change. `incremental`: only what the new plan changes.
 * `urgent`: real servers told at once that they take no more, beside any sync.
 */
export const syncKinds = ['full', 'partial', 'incremental', 'urgent'] as const;
export type SyncKind = (typeof syncKinds)[number];

/** A sync that runs. Call one of the two when it is over. */
export interface RunningSync {
  /** Gives its duration in milliseconds. */
  readonly end: (kind: SyncKind, succeeded: boolean) => number;
  /** There was nothing to do yet. */
  readonly abandon: () => void;
}

export interface Clocks {
  /** Milliseconds of a clock that never goes back. */
  readonly elapsed: () => number;
  /** Milliseconds since 1970, as the cluster's times are. */
  readonly now: () => number;
}

/** So many changes wait for a sync to be measured by; a sync that fails for hours must not hoard them. */
const mostWaiting = 1_000;

export class Instruments {
  readonly convergence = new Histogram(latencyBounds);
  readonly syncDurations: Readonly<Record<SyncKind, Histogram>> = {
    full: new Histogram(latencyBounds),
    partial: new Histogram(latencyBounds),
    incremental: new Histogram(latencyBounds),
    urgent: new Histogram(latencyBounds),
  };
  private readonly failureCounts: Record<SyncKind, number> = { full: 0, partial: 0, incremental: 0, urgent: 0 };
  /** When changes were made that are not in the kernel yet, in milliseconds since 1970. */
  private waiting: readonly number[] = [];
  private syncBeganAt: number | null = null;
  private syncEndedAt: number | null = null;

  constructor(private readonly clocks: Clocks = { elapsed: () => performance.now(), now: () => Date.now() }) {}

  failures(kind: SyncKind): number {
    return this.failureCounts[kind];
  }

  /** The cluster has changed; the sync that begins after this will hold it. */
  heard(changedAt: readonly number[]): void {
    this.waiting = [...this.waiting, ...changedAt].slice(-mostWaiting);
  }

  /** A sync begins; there is one at a time. */
  begin(): RunningSync {
    const began = this.clocks.elapsed();
    this.syncBeganAt = began;
    const held = this.waiting;
    this.waiting = [];
    return {
      end: (kind, succeeded) => {
        const milliseconds = this.over() - began;
        this.syncDurations[kind].observe(milliseconds / 1_000);
        if (succeeded) this.programmed(held);
        else {
          this.failureCounts[kind] += 1;
          this.keep(held);
        }
        return milliseconds;
      },
      abandon: () => {
        this.over();
        this.keep(held);
      },
    };
  }

  /** Something was told to the kernel at once, in so many milliseconds. */
  urgent(milliseconds: number): void {
    this.syncDurations.urgent.observe(milliseconds / 1_000);
  }

  /** All that was heard is in the kernel, before the sync that tells of it. */
  told(): void {
    this.programmed(this.waiting);
    this.waiting = [];
  }

  health(resyncMilliseconds: number): Health {
    return healthOf({ now: this.clocks.elapsed(), syncBeganAt: this.syncBeganAt, syncEndedAt: this.syncEndedAt, resyncMilliseconds });
  }

  private over(): number {
    this.syncBeganAt = null;
    this.syncEndedAt = this.clocks.elapsed();
    return this.syncEndedAt;
  }

  private keep(held: readonly number[]): void {
    this.waiting = [...held, ...this.waiting].slice(-mostWaiting);
  }

  private programmed(held: readonly number[]): void {
    // Clocks of two machines differ: what seems to lie in the future took no time.
    for (const time of held) this.convergence.observe(Math.max(0, this.clocks.now() - time) / 1_000);
  }
}
