/**
 * Looks at the mesh while somebody watches, and tells what is new.
 *
 * INVARIANTS
 * - Nobody watches: nothing is looked at, and no timer runs.
 * - One look at a time. A look that took long is followed by a pause of many times its length: watching never costs more
 *   than a small part of the controller's time, however large the mesh is.
 */
import { performance } from 'node:perf_hooks';
import type { MeshEvent, MeshSnapshot, StreamMessages } from '../page/wire.js';
import { newsBetween } from './page-difference.js';

export interface FeedSource {
  /** `previous`: the snapshot before, null for the first. */
  look(previous: MeshSnapshot | null): Promise<MeshSnapshot>;
  /** Those after a sequence, the oldest first; 0 for all that are kept. */
  eventsAfter(sequence: number): readonly MeshEvent[];
}

export interface Watcher {
  /** Everything: it is new, or has missed something. */
  tellAll(snapshot: MeshSnapshot, events: readonly MeshEvent[]): void;
  tell<Name extends keyof StreamMessages>(name: Name, data: StreamMessages[Name]): void;
  /** The mesh could not be looked at. */
  fail(error: unknown): void;
}

const lookMilliseconds = 1_000;
/** Something is said at least so often: a page that hears nothing for long takes the connection for lost. */
const beatMilliseconds = 10_000;
/** Pause after a look, in lengths of the look: a twentieth of the time is spent on looks at most. */
const rest = 19;

export class MeshFeed {
  /** True: it has been told everything, and is told what is new. */
  private readonly watchers = new Map<Watcher, boolean>();
  private timer: NodeJS.Timeout | undefined;
  private last: MeshSnapshot | null = null;
  private lastEvent = 0;
  private isLooking = false;
  private toldAt = -Infinity;

  constructor(
    private readonly source: FeedSource,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** The mesh as it is now; shares the look of those who watch. */
  async current(): Promise<MeshSnapshot> {
    return this.last ?? (await this.source.look(null));
  }

  /** Tells the newcomer everything, then each second what is new. Gives the way to stop. */
  watch(watcher: Watcher): () => void {
    this.watchers.set(watcher, false);
    if (this.last !== null) this.tellAll(watcher);
    else if (!this.isLooking) void this.tick();
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size > 0) return;
      clearTimeout(this.timer);
      this.last = null;
    };
  }

  /** Everything, for one that is new, or has missed something. */
  tellAll(watcher: Watcher): void {
    if (this.last === null) return;
    this.watchers.set(watcher, true);
    watcher.tellAll(this.last, this.source.eventsAfter(0));
  }

  /** One look. Public for tests; the timer calls it. */
  async tick(): Promise<void> {
    const started = this.now();
    this.isLooking = true;
    try {
      await this.look();
    } catch (error) {
      for (const watcher of [...this.watchers.keys()]) watcher.fail(error);
    }
    this.isLooking = false;
    clearTimeout(this.timer);
    if (this.watchers.size === 0) {
      // The last one left meanwhile.
      this.last = null;
      return;
    }
    this.timer = setTimeout(() => { void this.tick(); }, Math.max(lookMilliseconds, (this.now() - started) * rest));
    this.timer.unref();
  }

  private async look(): Promise<void> {
    const before = this.last;
    const next = await this.source.look(before);
    this.last = next;
    const events = this.source.eventsAfter(this.lastEvent);
    this.lastEvent = events.at(-1)?.sequence ?? this.lastEvent;
    const news = before === null ? null : newsBetween(before, next);
    if (news?.kind === 'snapshot') this.tell('snapshot', news.data);
    else if (news !== null) this.tell('figures', news.data);
    if (events.length > 0) this.tell('events', events);
    if (this.now() - this.toldAt >= beatMilliseconds) this.tell('beat', null);
    for (const [watcher, knows] of this.watchers) if (!knows) this.tellAll(watcher);
  }

  private tell<Name extends keyof StreamMessages>(name: Name, data: StreamMessages[Name]): void {
    this.toldAt = this.now();
    for (const [watcher, knows] of [...this.watchers]) if (knows) watcher.tell(name, data);
  }
}
