/**
 * This node's own tasks, from its Docker's containers. Works on workers: it asks for nothing of the cluster. That one has
 * died the kernel says first (see process-watches.ts), Docker a second or so later, when it has tidied up.
 *
 * A container is looked at when it is created, too: one that has no health check is known to be ready by the event of its
 * start, and nobody waits for the answer to one more question meanwhile.
 */
import { isDeepStrictEqual } from 'node:util';
import { Backoff } from '../../controller/backoff.js';
import { silentLogger, type Logger } from '../../log.js';
import { Alarm } from '../alarm.js';
import type { LocalTask, LocalTasks, LocalTasksListener } from '../source.js';
import { DockerClient } from './client.js';
import { followEvents, type DockerEvent } from './events.js';
import { LocalContainers, taskFilter } from './local-containers.js';
import { ProcessWatches, type WatchProcessEnd } from './process-watches.js';

export interface DockerLocalTasksOptions {
  readonly socket: string;
  readonly logger?: Logger;
  readonly requestMilliseconds?: number;
  /** Milliseconds between full lists when nothing has happened. */
  readonly resyncMilliseconds?: number;
  /** Throws where the process can't be watched; left out: only Docker says that a container has died. */
  readonly watchProcessEnd?: WatchProcessEnd;
}

export function dockerLocalTasks(options: DockerLocalTasksOptions): LocalTasks {
  const client = new DockerClient(options);
  const logger = options.logger ?? silentLogger;
  return {
    read: async (signal) => {
      const containers = new LocalContainers(client);
      await containers.relist(signal);
      return containers.tasks();
    },
    follow: (listener, signal) => new LocalTasksFollower(client, logger, options, listener).run(signal),
  };
}

class LocalTasksFollower {
  private readonly containers: LocalContainers;
  private readonly resyncMilliseconds: number;
  private readonly alarm = new Alarm();
  private readonly backoff = new Backoff({ firstMilliseconds: 250, limitMilliseconds: 3_000 });
  private readonly started = new Set<string>();
  /** Task ids of containers that were told to run and not looked at since. */
  private readonly heard = new Map<string, string>();
  private readonly processes: ProcessWatches | null;
  private relist: string | null = 'start';
  private told: ReadonlyMap<string, LocalTask> | null = null;
  private failure: Error | null = null;

  constructor(
    private readonly client: DockerClient,
    private readonly logger: Logger,
    { resyncMilliseconds = 30_000, watchProcessEnd }: DockerLocalTasksOptions,
    private readonly listener: LocalTasksListener,
  ) {
    this.containers = new LocalContainers(client);
    this.resyncMilliseconds = resyncMilliseconds;
    this.processes = watchProcessEnd === undefined ? null : new ProcessWatches(watchProcessEnd, (id) => { this.onDeath(id, 'container’s process ended'); }, logger);
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([this.followContainers(signal), this.keepListing(signal)]);
    } finally {
      this.processes?.close();
    }
  }

  private followContainers(signal: AbortSignal): Promise<void> {
    return followEvents(
      {
        client: this.client,
        filters: { type: ['container'], ...taskFilter },
        logger: this.logger,
        listener: {
          onEvent: (event) => this.onEvent(event, signal),
          onGap: (reason) => this.wantList(reason),
          onBroken: (error) => {
            this.logger.debug('Docker’s event stream of containers broke; it is connected again', { error });
            this.wantList('event stream broke');
          },
        },
      },
      signal,
    );
  }

  private onEvent({ action, id }: DockerEvent, signal: AbortSignal): void {
    if (id === '') return;
    if (action === 'die' || action === 'destroy') {
      this.started.delete(id);
      this.onDeath(id, `container ${action}`);
    } else if (action === 'create') {
      void this.prepare(id, signal);
    } else if (action === 'start') {
      this.containers.revive(id);
      this.hear(id);
      this.lookAt(id);
    } else if (action.startsWith('health_status')) {
      this.lookAt(id);
    }
  }

  private onDeath(id: string, reason: string): void {
    this.containers.bury(id);
    this.settle([id]);
    // Before the first list, or while lists fail, what is left is told by the next one that works.
    if (this.told !== null && this.failure === null) this.tell(reason);
  }

  private hear(id: string): void {
    const taskId = this.containers.readyTask(id);
    if (taskId === undefined || this.told === null || this.failure !== null) return;
    this.heard.set(id, taskId);
    this.listener.onHeard?.(taskId, 'running');
  }

  /** Those of them that do not wait to be looked at have been, or are gone. */
  private settle(ids: Iterable<string>): void {
    for (const id of ids) {
      const taskId = this.heard.get(id);
      if (taskId === undefined || this.started.has(id)) continue;
      this.heard.delete(id);
      if (!this.containers.alive.has(id)) this.listener.onHeard?.(taskId, 'gone');
    }
  }

  private lookAt(id: string): void {
    this.started.add(id);
    this.alarm.ring();
  }

  private wantList(reason: string): void {
    this.relist = reason;
    this.alarm.ring();
  }

  private async keepListing(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const reason = this.relist;
      const started = [...this.started];
      this.relist = null;
      this.started.clear();
      try {
        if (reason !== null) await this.containers.relist(signal);
        else await Promise.all(started.map((id) => this.containers.add(id, signal)));
        signal.throwIfAborted();
        this.backoff.reset();
        this.tell(reason ?? 'container start');
        this.settle(this.heard.keys());
        await this.alarm.wait(this.resyncMilliseconds, signal);
        if (this.relist === null && this.started.size === 0) this.relist = 'resync';
      } catch (error) {
        if (signal.aborted) return;
        this.relist = 'Docker answers again';
        this.fail(error instanceof Error ? error : new Error(String(error)));
        await this.alarm.wait(this.backoff.next(), signal);
      }
    }
  }

  /** Nobody waits for it: once Docker has begun to start a container, it says nothing of it until that is done. */
  private async prepare(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.containers.prepare(id, signal);
    } catch (error) {
      if (!signal.aborted) this.logger.debug('A container that was created can’t be looked at; it is when it has started', { container: id, error });
    }
  }

  private tell(reason: string): void {
    const tasks = this.containers.tasks();
    const recovered = this.failure !== null;
    this.failure = null;
    this.processes?.follow(this.containers.alive);
    if (!recovered && this.told !== null && isDeepStrictEqual(tasks, this.told)) return;
    this.told = tasks;
    this.listener.onLocalTasks(tasks, reason);
  }

  private fail(error: Error): void {
    if (this.failure?.message === error.message) return;
    this.failure = error;
    this.listener.onUnavailable(error);
  }
}
