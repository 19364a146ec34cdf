/**
 * Runs one sync at a time and never a needless one.
 *
 * INVARIANTS
 * - At most one sync runs; at most one waits behind it.
 * - A request that comes before the waiting sync has begun is served by it; its reason joins the others.
 * - A request that comes while a sync runs is served by a later one: the running sync may have looked already.
 */
import PQueue from 'p-queue';

export class SyncQueue {
  private readonly queue = new PQueue({ concurrency: 1 });
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private waiting: Set<string> | null = null;
  private closed = false;

  /** `sync` gets the reasons for which it runs, joined; it must not reject. */
  constructor(private readonly sync: (reason: string) => Promise<void>) {}

  /** Look again, as soon as the running sync is over. */
  request(reason: string): void {
    if (this.closed) return;
    if (this.waiting !== null) {
      this.waiting.add(reason);
      return;
    }
    this.waiting = new Set([reason]);
    void this.queue.add(async () => {
      const reasons = this.waiting ?? new Set();
      this.waiting = null;
      await this.sync([...reasons].join(', '));
    });
  }

  /** Look again later. A later wish for the same reason replaces the earlier one. */
  requestAfter(milliseconds: number, reason: string): void {
    if (this.closed) return;
    this.cancel(reason);
    const timer = setTimeout(() => {
      this.timers.delete(reason);
      this.request(reason);
    }, milliseconds);
    this.timers.set(reason, timer);
  }

  /** Look again within that time: many wishes for the same reason are one look. */
  requestWithin(milliseconds: number, reason: string): void {
    if (!this.timers.has(reason)) this.requestAfter(milliseconds, reason);
  }

  cancel(reason: string): void {
    clearTimeout(this.timers.get(reason));
    this.timers.delete(reason);
  }

  /** Takes no more requests, drops the waiting ones and resolves when the running sync has ended. */
  async close(): Promise<void> {
    this.closed = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.queue.clear();
    this.waiting = null;
    await this.queue.onIdle();
  }
}
