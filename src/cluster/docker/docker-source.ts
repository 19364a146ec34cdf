/**
 * The cluster as a Swarm manager's Docker tells it.
 *
 * Docker has no task events, so its stream is only a hint: what an event names is listed anew, often while a service
 * converges, seldom when nothing moves, and everything from time to time and after each gap in the stream.
 *
 * INVARIANTS
 * - One look at a time; hints that come meanwhile are gathered for the next one.
 * - A look that fails changes nothing: the last good state stays, and the next look takes in everything.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Backoff } from '../../controller/backoff.js';
import { silentLogger, type Logger } from '../../log.js';
import { Alarm } from '../alarm.js';
import type { ClusterListener, ClusterSource } from '../source.js';
import { Teller } from '../teller.js';
import { DockerClient } from './client.js';
import { look, PendingLook, type LookScope } from './cluster-cache.js';
import { convertCluster } from './convert.js';
import { convergingServices, defaultPollIntervals, fastInterval, type PollIntervals } from './convergence.js';
import { followEvents } from './events.js';
import { clusterEventFilters, hintOf } from './hints.js';
import type { RawCluster } from './raw.js';

export interface DockerSourceOptions {
  /** Unix socket of a manager's dockerd. */
  readonly socket: string;
  readonly logger?: Logger;
  /** For one request, in milliseconds. */
  readonly requestMilliseconds?: number;
  readonly intervals?: Partial<PollIntervals>;
}

export function dockerSource(options: DockerSourceOptions): ClusterSource {
  const client = new DockerClient(options);
  const logger = options.logger ?? silentLogger;
  return {
    description: `docker on ${options.socket}`,
    read: async (signal) => convertCluster(await look(client, { kind: 'everything' }, null, signal)).state,
    follow: (listener, signal) => new DockerFollower(client, logger, { ...defaultPollIntervals, ...options.intervals }, listener).run(signal),
  };
}

/** Events come in bursts; one look answers them all. */
const burstMilliseconds = 20;

class DockerFollower {
  private readonly pending = new PendingLook();
  private readonly alarm = new Alarm();
  private readonly backoff = new Backoff({ firstMilliseconds: 250, limitMilliseconds: 3_000 });
  private raw: RawCluster | null = null;
  private readonly teller: Teller;
  private streaming = false;
  private lastEverything = -Infinity;
  private lastCluster = -Infinity;
  private lastChange = -Infinity;
  /** Milliseconds that the last look took. */
  private lookTook = 0;
  /** Services with an event, and when it came. */
  private readonly hot = new Map<string, number>();
  private notes = new Set<string>();

  constructor(
    private readonly client: DockerClient,
    private readonly logger: Logger,
    private readonly intervals: PollIntervals,
    listener: ClusterListener,
  ) {
    this.teller = new Teller(listener);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.pending.add({ kind: 'everything' }, 'start');
    await Promise.all([this.followHints(signal), this.keepLooking(signal)]);
  }

  private followHints(signal: AbortSignal): Promise<void> {
    return followEvents(
      {
        client: this.client,
        filters: clusterEventFilters,
        logger: this.logger,
        listener: {
          onEvent: (event) => {
            const scope = hintOf(event);
            if (scope === null) return;
            if (scope.kind === 'services') for (const id of scope.ids) this.hot.set(id, performance.now());
            this.lastChange = performance.now();
            this.hint(scope, `${event.type} ${event.action}`);
          },
          onGap: (reason) => {
            this.streaming = true;
            this.hint({ kind: 'everything' }, reason);
          },
          onBroken: (error) => {
            this.logger.debug('Docker’s event stream broke; it is connected again', { error });
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
    const raw = await look(this.client, scope, this.raw, signal);
    signal.throwIfAborted();
    this.lookTook = performance.now() - began;
    const { state, notes } = convertCluster(raw);
    if (scope.kind !== 'services') this.lastCluster = began;
    if (scope.kind === 'everything') this.lastEverything = began;
    if (!isDeepStrictEqual(raw.tasks, this.raw?.tasks) || !isDeepStrictEqual(raw.services, this.raw?.services)) this.lastChange = began;
    this.raw = raw;
    this.tellNotes(notes);
    this.teller.tell(state, reason);
  }

  /** Each note once, until it is over. */
  private tellNotes(notes: readonly string[]): void {
    for (const note of notes) if (!this.notes.has(note)) this.logger.debug(`Docker: ${note}`);
    this.notes = new Set(notes);
  }

  /** What to look at when the pause is over and nobody asked for anything. */
  private due(now: number): { scope: LookScope; reason: string } {
    if (now - this.lastEverything >= this.intervals.resync) return { scope: { kind: 'everything' }, reason: 'resync' };
    const moving = this.moving(now);
    if (moving.size === 0 || now - this.lastCluster >= this.intervals.slow) return { scope: { kind: 'cluster' }, reason: 'poll' };
    return { scope: { kind: 'services', ids: moving }, reason: 'poll of converging services' };
  }

  /** While something moves: soon, but a Docker that is slow to answer is left as much time as it took. */
  private pause(): number {
    const now = performance.now();
    const idle = this.streaming ? this.intervals.slow : this.intervals.blind;
    return this.moving(now).size === 0 ? idle : Math.min(idle, Math.max(this.lookTook, fastInterval(now - this.lastChange, this.intervals)));
  }

  private moving(now: number): Set<string> {
    const moving = this.raw === null ? new Set<string>() : convergingServices(this.raw);
    for (const [id, since] of this.hot) {
      if (now - since < this.intervals.hot) moving.add(id);
      else this.hot.delete(id);
    }
    return moving;
  }
}
