/**
 * Runs one sync at a time and never a needless one.
 *
 * INVARIANTS
 * - At most one sync runs; at most one waits behind it.
 * - A request that comes before the waiting sync has begun is served by it; its reason joins the others.
 * - A request that comes while a sync runs is served by a later one: the running sync may have looked already.
 */
import { performance } from 'node:perf_hooks';
import PQueue from 'p-queue';
import { nextTurn } from '../next-turn.js';

export class SyncQueue {
  private readonly queue = new PQueue({ concurrency: 1 });
  private readonly timers = new Map<string, { readonly timer: NodeJS.Timeout; readonly at: number }>();
  private waiting: Map<string, Set<string>> | null = null;
  /** Reasons that any sync will do for. */
  private readonly patient = new Set<string>();
  private patience: NodeJS.Timeout | undefined;
  private closed = false;

  /** `sync` gets the reasons for which it runs, joined, and their kinds; it must not reject. */
  constructor(private readonly sync: (reason: string, kinds: ReadonlySet<string>) => Promise<void>) {}

  /** Number of reasons that wait for a sync; the running one's are not among them. */
  get depth(): number {
    return (this.waiting?.size ?? 0) + this.patient.size;
  }

  /** No sync runs or waits, but for what is patient. */
  get isIdle(): boolean {
    return this.waiting === null && this.queue.pending === 0;
  }

  /** Look again, as soon as the running sync is over. */
  request(reason: string, kind = reason): void {
    if (this.closed) return;
    if (this.waiting !== null) {
      this.waiting.set(reason, (this.waiting.get(reason) ?? new Set()).add(kind));
      return;
    }
    this.waiting = new Map([[reason, new Set([kind])]]);
    void this.queue.add(async () => {
      // A sync holds up the event loop for a while: what others were just told, of the same news, is sent before.
      await nextTurn();
      const { waiting } = this;
      if (waiting === null) return;
      this.requestPatient();
      this.waiting = null;
      await this.sync([...waiting.keys()].join(', '), new Set([...waiting.values()].flatMap((kinds) => [...kinds])));
    });
  }

  /** Look again within that time, or with the next sync that begins for something else. */
  requestPatiently(milliseconds: number, reason: string): void {
    if (this.closed) return;
    this.patient.add(reason);
    this.patience ??= setTimeout(() => { this.requestPatient(); }, milliseconds);
  }

  private requestPatient(): void {
    for (const reason of this.patient) this.request(reason);
    this.forgetPatient();
  }

  private forgetPatient(): void {
    this.patient.clear();
    clearTimeout(this.patience);
    this.patience = undefined;
  }

  /** Look again later. A later wish of the same kind (by default: for the same reason) replaces the earlier one. */
  requestAfter(milliseconds: number, reason: string, kind = reason): void {
    if (this.closed) return;
    this.cancel(kind);
    const timer = setTimeout(() => {
      this.timers.delete(kind);
      this.request(reason, kind);
    }, milliseconds);
    this.timers.set(kind, { timer, at: performance.now() + milliseconds });
  }

  /** Look again within that time: many wishes of the same kind are one look, at the earliest time that any of them asks for. */
  requestWithin(milliseconds: number, reason: string, kind = reason): void {
    const planned = this.timers.get(kind)?.at ?? Infinity;
    if (performance.now() + milliseconds < planned) this.requestAfter(milliseconds, reason, kind);
  }

  cancel(kind: string): void {
    clearTimeout(this.timers.get(kind)?.timer);
    this.timers.delete(kind);
  }

  /** Takes no more requests, drops the waiting ones and resolves when the running sync has ended. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { timer } of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    this.forgetPatient();
    this.queue.clear();
    this.waiting = null;
    await this.queue.onIdle();
  }
}
