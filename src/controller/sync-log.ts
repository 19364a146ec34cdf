/** What became of the syncs: the last one's report, its failures as conditions, and when a failed one is tried again. */
import type { Condition } from '../cluster/condition.js';
import type { EventRecorder } from '../event.js';
import { Backoff } from './backoff.js';
import type { ApplyResult } from './mesh-kernel.js';
import type { SyncReport } from './report.js';

export interface SyncEnd {
  /** What made the controller sync. */
  readonly reason: string;
  readonly milliseconds: number;
  readonly result: ApplyResult;
  /** By what the sync as a whole ended; null: it came to its end. */
  readonly broken: Error | null;
}

export class SyncLog {
  private readonly backoff = new Backoff({ firstMilliseconds: 250, limitMilliseconds: 30_000 });
  private lastReport: SyncReport | null = null;
  private total = 0;
  /** The last sync failed by other things than the one before it. */
  private isNews = false;

  constructor(private readonly node: { readonly id: string; readonly name: string }, private readonly events: EventRecorder) {}

  /** Null before the first sync has ended. */
  get last(): SyncReport | null {
    return this.lastReport;
  }

  /** Number of syncs since the start. */
  get count(): number {
    return this.total;
  }

  get isFailing(): boolean {
    return this.failures.length > 0;
  }

  ended({ reason, milliseconds, result: { applied, failed }, broken }: SyncEnd): void {
    const failures = [...failed.map(({ change, error }) => `${change.place}: ${change.action} ${change.summary}: ${error.message}`), ...(broken === null ? [] : [broken.message])];
    this.total += 1;
    this.isNews = failures.join('\n') !== this.failures.join('\n');
    this.lastReport = { at: new Date().toISOString(), durationMilliseconds: Math.round(milliseconds), reason, changes: applied.length, failures };
  }

  conditions(): Condition[] {
    return this.failures.map((message) => ({ reason: 'SyncFailed', object: { kind: 'node', ...this.node }, message }));
  }

  /** Milliseconds after which the last sync is to be tried again, which is told; null: it did not fail. */
  retry(): number | null {
    if (!this.isFailing) {
      this.backoff.reset();
      return null;
    }
    const waitMilliseconds = this.backoff.next();
    const message = `the kernel is not yet as planned (${this.failures.length} failures); it is tried again`;
    this.events[this.isNews ? 'warning' : 'warningAgain']('Retrying', { kind: 'node', name: this.node.name }, message, { waitMilliseconds, error: this.failures[0] });
    return waitMilliseconds;
  }

  /** One line each. */
  private get failures(): readonly string[] {
    return this.lastReport?.failures ?? [];
  }
}
