/** Tells the log what was programmed and why, and counts what somebody else had changed. */
import type { Change, Kind } from '../kernel/change.js';
import type { Logger } from '../log.js';
import type { ApplyResult } from './mesh-kernel.js';

/** Up to so many changes are told one by one. */
const changesToldSingly = 20;

export class ChangeLog {
  private readonly counts: Partial<Record<Kind, number>> = {};

  constructor(private readonly logger: Logger) {}

  /** Repairs since the start, by kind. */
  repairs(): Partial<Record<Kind, number>> {
    return { ...this.counts };
  }

  /** `repairs`: those of the changes that put right what somebody else did. */
  tell({ applied, failed }: ApplyResult, repairs: readonly Change[], reason: string): void {
    const failedChanges = new Set(failed.map(({ change }) => change));
    for (const change of repairs) {
      if (failedChanges.has(change)) continue;
      this.counts[change.kind] = (this.counts[change.kind] ?? 0) + 1;
      this.logger.warn(`Repaired ${change.place}: ${change.summary}`, { kind: change.kind, action: change.action });
    }
    if (applied.length === 0) return;
    const count = (action: Change['action']) => applied.filter((change) => change.action === action).length;
    this.logger.info('Programmed', { reason, added: count('add'), changed: count('change'), removed: count('remove'), failed: failed.length });
    const told = new Set(repairs);
    const level = applied.length <= changesToldSingly ? 'info' : 'debug';
    for (const change of applied) if (!told.has(change)) this.logger[level](`${change.place}: ${change.action} ${change.summary}`);
  }
}
