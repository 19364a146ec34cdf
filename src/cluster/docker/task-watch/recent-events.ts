/**
 * Changes of tasks laid over listed ones. A list that was on its way while a change came may be the older of the two:
 * each change is laid over every list of the next seconds again, and versions decide.
 */
import { performance } from 'node:perf_hooks';
import { byCodeUnit } from '../../sorting.js';
import { numberOf, textOf } from '../json.js';
import type { RawObject } from '../raw.js';
import type { TaskEvent } from './messages.js';

/** Longer than any list that is used takes: requests end by then. */
const memoryMilliseconds = 30_000;

export class RecentTaskEvents {
  private readonly events = new Map<string, { readonly event: TaskEvent; readonly at: number }>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  add(events: readonly TaskEvent[]): void {
    const now = this.now();
    for (const event of events) {
      // Set anew at the end, so that the map's order is that of time.
      this.events.delete(event.id);
      this.events.set(event.id, { event, at: now });
    }
    for (const [id, { at }] of this.events) {
      if (now - at <= memoryMilliseconds) break;
      this.events.delete(id);
    }
  }

  /** Tasks in the order of their ids, as they are by now. */
  over(tasks: readonly RawObject[]): readonly RawObject[] {
    if (this.events.size === 0) return tasks;
    const present = new Map(tasks.map((task) => [textOf(task, 'ID') ?? '', task]));
    for (const [id, { event }] of this.events) {
      if (event.kind === 'removed') present.delete(id);
      else if (event.version >= (numberOf(present.get(id), 'Version', 'Index') ?? 0)) present.set(id, event.task);
    }
    return [...present].sort(([one], [other]) => byCodeUnit(one, other)).map(([, task]) => task);
  }

  clear(): void {
    this.events.clear();
  }
}
