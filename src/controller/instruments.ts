/** What the loop counts and measures of itself for the metrics: plain numbers, the same whether anybody asks or not. */
import { Histogram, latencyBounds } from '../metrics/histogram.js';

/**
 * `full`: the kernel was looked at. `incremental`: only what the new plan changes. `urgent`: real servers told at once
 * that they take no more, beside any sync.
 */
export const syncKinds = ['full', 'incremental', 'urgent'] as const;
export type SyncKind = (typeof syncKinds)[number];

/** So many changes wait for a sync to be measured by; a sync that fails for hours must not hoard them. */
const mostWaiting = 1_000;

export class Instruments {
  readonly convergence = new Histogram(latencyBounds);
  readonly syncDurations: Readonly<Record<SyncKind, Histogram>> = {
    full: new Histogram(latencyBounds),
    incremental: new Histogram(latencyBounds),
    urgent: new Histogram(latencyBounds),
  };
  private readonly failureCounts: Record<SyncKind, number> = { full: 0, incremental: 0, urgent: 0 };
  /** When changes were made that are not in the kernel yet, in milliseconds since 1970. */
  private waiting: readonly number[] = [];

  /** `now`: milliseconds since 1970, as the cluster's times are. */
  constructor(private readonly now: () => number = () => Date.now()) {}

  failures(kind: SyncKind): number {
    return this.failureCounts[kind];
  }

  /** The cluster has changed; the sync that begins after this will hold it. */
  heard(changedAt: readonly number[]): void {
    this.waiting = [...this.waiting, ...changedAt].slice(-mostWaiting);
  }

  /** A sync begins; call the result when it has ended. */
  begin(): (kind: SyncKind, seconds: number, succeeded: boolean) => void {
    const held = this.waiting;
    this.waiting = [];
    return (kind, seconds, succeeded) => {
      this.syncDurations[kind].observe(seconds);
      if (!succeeded) {
        this.failureCounts[kind] += 1;
        this.waiting = [...held, ...this.waiting].slice(-mostWaiting);
        return;
      }
      // Clocks of two machines differ: what seems to lie in the future took no time.
      for (const time of held) this.convergence.observe(Math.max(0, this.now() - time) / 1_000);
    };
  }

  urgent(seconds: number): void {
    this.syncDurations.urgent.observe(seconds);
  }
}
