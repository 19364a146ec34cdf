/**
 * What this node knows of its own tasks before Swarm's managers do: a container has died, or has begun to run. Swarm
 * reports that when it gets round to it; until then every other node would send connections to nobody, or not yet to it.
 *
 * INVARIANT: it is known of the containers alone. What managers make of it comes back in the cluster's state, and must not
 * decide whether it is said.
 */
import type { News } from '../relay/protocol.js';
import type { LocalTask, LocalTasks } from '../source.js';

/** By then Swarm has said it, or knows better. In milliseconds. */
const freshMilliseconds = 60_000;
/** More than that at once are for Swarm to tell. */
const mostNotes = 1_000;

interface Note {
  readonly what: keyof News;
  /** By `now`. */
  readonly until: number;
}

export interface FirstHandOptions {
  readonly freshMilliseconds?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

export class FirstHand {
  /** Null before the first: those that are found at the start are no news. */
  private known: ReadonlyMap<string, LocalTask> | null = null;
  /** By task id, the oldest first. */
  private readonly notes = new Map<string, Note>();
  private listener: (news: News) => void = () => undefined;
  private forgetting: NodeJS.Timeout | undefined;
  private readonly fresh: number;
  private readonly now: () => number;

  constructor(options: FirstHandOptions = {}) {
    this.fresh = options.freshMilliseconds ?? freshMilliseconds;
    this.now = options.now ?? (() => performance.now());
  }

  /** Calls back with all that there is to say, whenever that changes. */
  onNews(listener: (news: News) => void): void {
    this.listener = listener;
  }

  onLocalTasks(local: ReadonlyMap<string, LocalTask>): void {
    const { known } = this;
    this.known = local;
    if (known === null) return;
    let hasChanged = false;
    const note = (id: string, what: keyof News | null): void => { hasChanged = this.note(id, what) || hasChanged; };
    for (const id of known.keys()) if (!local.has(id)) note(id, 'gone');
    for (const [id, { isReady }] of local) {
      if (isReady !== true) note(id, null);
      else if (known.get(id)?.isReady !== true) note(id, 'running');
    }
    if (hasChanged) this.tell();
  }

  /** Of one that is not among the local tasks yet. */
  onHeard(id: string, what: keyof News): void {
    if (this.known !== null && this.note(id, what)) this.tell();
  }

  /** The same tasks, overheard. */
  overhear(localTasks: LocalTasks): LocalTasks {
    return {
      read: (signal) => localTasks.read(signal),
      follow: (listener, signal) =>
        localTasks.follow(
          {
            onLocalTasks: (tasks, reason) => {
              listener.onLocalTasks(tasks, reason);
              // Afterwards: a task is told to run when its namespace is known.
              this.onLocalTasks(tasks);
            },
            onHeard: (id, what) => {
              listener.onHeard?.(id, what);
              this.onHeard(id, what);
            },
            onUnavailable: (error) => { listener.onUnavailable(error); },
          },
          signal,
        ),
    };
  }

  /** Gives whether there is something new to be said. */
  private note(id: string, what: keyof News | null): boolean {
    if ((this.notes.get(id)?.what ?? null) === what) return false;
    this.notes.delete(id);
    if (what !== null) this.notes.set(id, { what, until: this.now() + this.fresh });
    return true;
  }

  private tell(): void {
    for (const [id, { until }] of this.notes) if (until <= this.now() || this.notes.size > mostNotes) this.notes.delete(id);
    clearTimeout(this.forgetting);
    const [oldest] = this.notes.values();
    if (oldest !== undefined) this.forgetting = setTimeout(() => { this.tell(); }, oldest.until - this.now()).unref();
    const ids = (asked: keyof News): string[] => [...this.notes].flatMap(([id, { what }]) => (what === asked ? [id] : []));
    this.listener({ gone: ids('gone'), running: ids('running') });
  }
}
