/** Tells what was programmed and why, and counts what somebody else had changed. */
import type { Action, Change, Kind } from '../kernel/change.js';
import type { EventObject, EventRecorder } from '../event.js';
import type { Logger } from '../log.js';
import type { ApplyResult } from './mesh-kernel.js';

/** Up to so many changes and repairs of one sync are told one by one: a flushed table is a thousand of them. */
const changesToldSingly = 20;

export type ChangeCounts = Partial<Record<Kind, Partial<Record<Action, number>>>>;

export interface ChangeLogOptions {
  /** Name of this node. */
  readonly node: string;
  readonly events: EventRecorder;
  readonly logger: Logger;
}

export class ChangeLog {
  private readonly repairCounts: Partial<Record<Kind, number>> = {};
  private readonly changeCounts: ChangeCounts = {};

  constructor(private readonly options: ChangeLogOptions) {}

  /** Repairs since the start, by kind. */
  repairs(): Partial<Record<Kind, number>> {
    return { ...this.repairCounts };
  }

  /** Changes since the start, repairs among them. */
  changes(): ChangeCounts {
    return this.changeCounts;
  }

  /** `repairs`: those of the changes that put right what somebody else did. */
  tell({ applied, failed }: ApplyResult, repairs: readonly Change[], cause: string): void {
    const { events, logger } = this.options;
    const failedChanges = new Set(failed.map(({ change }) => change));
    this.tellRepairs(repairs.filter((change) => !failedChanges.has(change)));
    for (const { kind, action } of applied) {
      const counts = (this.changeCounts[kind] ??= {});
      counts[action] = (counts[action] ?? 0) + 1;
    }
    if (applied.length === 0) return;
    const count = (action: Action) => applied.filter((change) => change.action === action).length;
    const [added, changed, removed] = [count('add'), count('change'), count('remove')];
    const words = Object.entries({ added, changed, removed }).flatMap(([word, number]) => (number === 0 ? [] : [`${number} ${word}`])).join(', ');
    events.normal('Programmed', this.node, `programmed: ${words} (${cause})`, { cause, added, changed, removed, failed: failed.length });
    const told = new Set(repairs);
    const few = applied.length <= changesToldSingly;
    for (const change of applied) {
      if (told.has(change)) continue;
      if (few) logger.info(lineOf(change));
      else logger.debug(() => lineOf(change));
    }
  }

  private get node(): EventObject {
    return { kind: 'node', name: this.options.node };
  }

  private tellRepairs(repairs: readonly Change[]): void {
    const { events, logger } = this.options;
    for (const [index, change] of repairs.entries()) {
      const { kind, place, action } = change;
      this.repairCounts[kind] = (this.repairCounts[kind] ?? 0) + 1;
      if (index < changesToldSingly) events.warning('Repaired', { kind: 'kernel', name: place }, `repaired: ${change.summary}`, { kind, action });
      else logger.debug(() => `${place}: repaired: ${change.summary}`, { reason: 'Repaired', kind, action });
    }
    const more = repairs.length - changesToldSingly;
    if (more > 0) events.warning('Repaired', this.node, `repaired ${more} more objects at the same time`);
  }
}

function lineOf({ place, action, summary }: Change): string {
  return `${place}: ${action} ${summary}`;
}
