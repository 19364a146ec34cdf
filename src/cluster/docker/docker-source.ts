/**
 * The cluster as a Swarm manager's Docker tells it.
 *
 * Docker's event stream is only a hint: what an event names is listed anew, and everything from time to time and after
 * each gap in the stream. Docker's API has no events of tasks. Swarm's own watch has: while it is live, a task's change is
 * served as it comes; otherwise tasks are polled, often while a service converges, seldom when nothing moves.
 *
 * INVARIANTS
 * - One look at a time; hints that come meanwhile are gathered for the next one.
 * - A change of a task is never undone by a list that is older than it.
 * - A look that fails changes nothing: the last good state stays, and the next look takes in everything.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from '../../controller/backoff.js';
import { silentLogger, type Logger } from '../../log.js';
import { isSameList } from '../../sharing.js';
import { Alarm } from '../alarm.js';
import type { ClusterListener, ClusterSource } from '../source.js';
import { Teller } from '../teller.js';
import { changeTimes } from './change-times.js';
import { DockerClient } from './client.js';
import { look, PendingLook, type LookScope } from './cluster-cache.js';
import { ClusterConverter, convertCluster } from './convert.js';
import { convergingServices, defaultPollIntervals, fastInterval, type PollIntervals } from './convergence.js';
import { followEvents } from './events.js';
import { clusterEventFilters, hintOf } from './hints.js';
import type { RawCluster } from './raw.js';
import type { TaskEvent } from './task-watch/messages.js';
import { RecentTaskEvents } from './task-watch/recent-events.js';
import type { TaskStreamOptions } from './task-watch/stream.js';

export interface DockerSourceOptions {
  /** Unix socket of a manager's dockerd. */
  readonly socket: string;
  /** Swarm's own watch of its tasks; left out: they are polled. */
  readonly taskWatch?: TaskStreamOptions;
  readonly logger?: Logger;
  /** For one request, in milliseconds. */
  readonly requestMilliseconds?: number;
  readonly intervals?: Partial<PollIntervals>;
}

export function dockerSource(options: DockerSourceOptions): ClusterSource {
  const client = new DockerClient(options);
  const logger = options.logger ?? silentLogger;
  const intervals = { ...defaultPollIntervals, ...options.intervals };
  let follower: DockerFollower | null = null;
  return {
    get description() {
      const tasks = follower === null ? '' : follower.isWatching ? ', watched' : ', polled';
      return `docker on ${options.socket}${tasks}`;
    },
    read: async (signal) => convertCluster(await look(client, { kind: 'everything' }, null, signal)).state,
    follow: (listener, signal) => {
      follower = new DockerFollower({ client, logger, intervals, taskWatch: options.taskWatch ?? null }, listener);
      return follower.run(signal);
    },
  };
}

/** Events come in bursts; one look answers them all. */
const burstMilliseconds = 20;

interface FollowerOptions {
  readonly client: DockerClient;
  readonly logger: Logger;
  readonly intervals: PollIntervals;
  readonly taskWatch: TaskStreamOptions | null;
}

class DockerFollower {
  private readonly pending = new PendingLook();
  private readonly alarm = new Alarm();
  private readonly backoff = new Backoff({ firstMilliseconds: 250, limitMilliseconds: 3_000 });
  private raw: RawCluster | null = null;
  private readonly teller: Teller;
  private streaming = false;
  private watching = false;
  private readonly recent = new RecentTaskEvents();
  private readonly converter = new ClusterConverter();
  private lastEverything = -Infinity;
  private lastCluster = -Infinity;
  private lastChange = -Infinity;
  /** Milliseconds that the last look took. */
  private lookTook = 0;
  /** Services with an event, and when it came. */
  private readonly hot = new Map<string, number>();
  private notes = new Set<string>();

  constructor(private readonly options: FollowerOptions, listener: ClusterListener) {
    this.teller = new Teller(listener);
  }

  /** Does Swarm tell changes of tasks by itself? */
  get isWatching(): boolean {
    return this.watching;
  }

  private get isToldAll(): boolean {
    return this.streaming && this.watching;
  }

  async run(signal: AbortSignal): Promise<void> {
    this.pending.add({ kind: 'everything' }, 'start');
    await Promise.all([this.followHints(signal), this.followTasks(signal), this.keepLooking(signal)]);
  }

  private async followTasks(signal: AbortSignal): Promise<void> {
    const { taskWatch, logger } = this.options;
    if (taskWatch === null) return;
    // gRPC is a good part of a start's time, and workers need none.
    const { followTasks } = await import('./task-watch/task-watch.js');
    await followTasks(
      { ...taskWatch, logger },
      {
        onLive: () => {
          this.watching = true;
          this.hint({ kind: 'cluster' }, 'task watch began');
        },
        onEvents: (events) => this.onTasks(events),
        onBroken: () => {
          this.watching = false;
          this.recent.clear();
          this.hint({ kind: 'cluster' }, 'task watch broke');
        },
      },
      signal,
    );
  }

  /** Before the first list there is nothing to lay them over, and while Docker fails the last good state stays. */
  private onTasks(events: readonly TaskEvent[]): void {
    this.recent.add(events);
    if (this.raw === null || this.teller.isFailing) return;
    this.take({ ...this.raw, tasks: this.recent.over(this.raw.tasks) }, 'task changed');
  }

  private followHints(signal: AbortSignal): Promise<void> {
    return followEvents(
      {
        client: this.options.client,
        filters: clusterEventFilters,
        logger: this.options.logger,
        listener: {
          onEvent: (event) => {
            const scope = hintOf(event);
            // Of containers, only their tasks are of interest.
            if (scope === null || (this.watching && event.type === 'container')) return;
            if (scope.kind === 'services') for (const id of scope.ids) this.hot.set(id, performance.now());
            this.lastChange = performance.now();
            this.hint(scope, `${event.type} ${event.action}`);
          },
          onGap: (reason) => {
            this.streaming = true;
            this.hint({ kind: 'everything' }, reason);
          },
          onBroken: (error) => {
            this.options.logger.debug('Docker’s event stream broke; it is connected again', { error });
            this.streaming = false;
            this.hint({ kind: 'everything' }, 'event stream broke');
          },
        },
      },
      signal,
    );
  }

  private hint(scope: LookScope, reason: string): void {
    this.pending.add(scope, reason);
    // While Docker does not answer, its backoff decides; a stream that connects again says that it does.
    if (!this.teller.isFailing || this.streaming) this.alarm.ring();
  }

  private async keepLooking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { scope, reason } = this.pending.take() ?? this.due(performance.now());
      try {
        await this.lookOnce(scope, reason, signal);
        this.backoff.reset();
        await this.alarm.wait(this.pause(), signal);
        if (!this.pending.isEmpty) await sleep(burstMilliseconds);
      } catch (error) {
        if (signal.aborted) return;
        this.pending.add({ kind: 'everything' }, 'Docker answers again');
        this.teller.fail(error instanceof Error ? error : new Error(String(error)));
        await this.alarm.wait(this.backoff.next(), signal);
      }
    }
  }

  private async lookOnce(scope: LookScope, reason: string, signal: AbortSignal): Promise<void> {
    const began = performance.now();
    const listed = await look(this.options.client, scope, this.raw, signal);
    signal.throwIfAborted();
    this.lookTook = performance.now() - began;
    if (scope.kind === 'cluster' || scope.kind === 'everything') this.lastCluster = began;
    if (scope.kind === 'everything') this.lastEverything = began;
    const raw = { ...listed, tasks: this.recent.over(listed.tasks) };
    if (!isSameList(raw.tasks, this.raw?.tasks ?? []) || !isSameList(raw.services, this.raw?.services ?? [])) this.lastChange = began;
    this.take(raw, reason);
  }

  private take(raw: RawCluster, reason: string): void {
    this.raw = raw;
    const { state, notes } = this.converter.convert(raw);
    this.tellNotes(notes);
    this.teller.tell(state, reason, () => changeTimes(this.teller.lastState, state, raw));
  }

  /** Each note once, until it is over. */
  private tellNotes(notes: readonly string[]): void {
    for (const note of notes) if (!this.notes.has(note)) this.options.logger.debug(`Docker: ${note}`);
    this.notes = new Set(notes);
  }

  /** What to look at when the pause is over and nobody asked for anything. */
  private due(now: number): { scope: LookScope; reason: string } {
    const { resync, slow } = this.options.intervals;
    if (now - this.lastEverything >= resync) return { scope: { kind: 'everything' }, reason: 'resync' };
    // All else is told; that Docker answers, and knows its cluster, is not.
    if (this.isToldAll) return { scope: { kind: 'nodes' }, reason: 'poll' };
    const moving = this.moving(now);
    if (moving.size === 0 || now - this.lastCluster >= slow) return { scope: { kind: 'cluster' }, reason: 'poll' };
    return { scope: { kind: 'services', ids: moving }, reason: 'poll of converging services' };
  }

  /** While something moves: soon, but a Docker that is slow to answer is left as much time as it took. */
  private pause(): number {
    const { intervals } = this.options;
    const now = performance.now();
    const idle = this.isToldAll ? intervals.told : this.streaming ? intervals.slow : intervals.blind;
    return this.watching || this.moving(now).size === 0 ? idle : Math.min(idle, Math.max(this.lookTook, fastInterval(now - this.lastChange, intervals)));
  }

  private moving(now: number): Set<string> {
    const moving = this.raw === null ? new Set<string>() : convergingServices(this.raw);
    for (const [id, since] of this.hot) {
      if (now - since < this.options.intervals.hot) moving.add(id);
      else this.hot.delete(id);
    }
    return moving;
  }
}
