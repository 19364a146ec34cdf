/**
 * This node's own tasks, from its Docker's containers. Works on workers: it asks for nothing of the cluster. That one has
 * died the kernel says first (see process-watches.ts), Docker a second or so later, when it has tidied up.
 *
 * A container is looked at when it is created, too: one that has no health check is known to be ready by the event of its
 * start, and nobody waits for the answer to one more question meanwhile.
 *
 * INVARIANT: a container that died never comes back by an answer that was on its way when it died.
 */
import { isDeepStrictEqual } from 'node:util';
import { Backoff } from '../../controller/backoff.js';
import { silentLogger, type Logger } from '../../log.js';
import { Alarm } from '../alarm.js';
import { byCodeUnit } from '../sorting.js';
import type { LocalTask, LocalTasks, LocalTasksListener } from '../source.js';
import { DockerClient } from './client.js';
import { DockerAnswerError } from './errors.js';
import { followEvents, type DockerEvent } from './events.js';
import { field, idOf, numberOf, textOf } from './json.js';
import { ProcessWatches, type WatchProcessEnd } from './process-watches.js';
import type { RawObject } from './raw.js';

export interface DockerLocalTasksOptions {
  readonly socket: string;
  readonly logger?: Logger;
  readonly requestMilliseconds?: number;
  /** Milliseconds between full lists when nothing has happened. */
  readonly resyncMilliseconds?: number;
  /** Throws where the process can't be watched; left out: only Docker says that a container has died. */
  readonly watchProcessEnd?: WatchProcessEnd;
}

/** swarmkit's agent puts it on every task's container. */
const taskLabel = 'com.docker.swarm.task.id';
const taskFilter = { label: [taskLabel] } as const;
/** Containers inspected at once. */
const inspections = 8;
/** How long a death is remembered, in milliseconds: longer than any request lasts. */
const mourning = 60_000;

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

/** Containers of tasks, by container id. */
class LocalContainers {
  private living = new Map<string, LocalTask>();
  private readonly died = new Map<string, number>();
  /** Task ids of containers that will be ready as soon as they start. */
  private readonly prepared = new Map<string, string>();

  constructor(private readonly client: DockerClient) {}

  get alive(): ReadonlyMap<string, LocalTask> {
    return this.living;
  }

  /** By task id. */
  tasks(): ReadonlyMap<string, LocalTask> {
    const tasks = [...this.living.values()].map((task) => [task.taskId, task] as const);
    return new Map(tasks.sort(([one], [other]) => byCodeUnit(one, other)));
  }

  bury(containerId: string): void {
    this.died.set(containerId, performance.now());
    this.living.delete(containerId);
    this.prepared.delete(containerId);
  }

  /** Its task, where it is ready once it has started and was not looked at since. */
  readyTask(containerId: string): string | undefined {
    return this.living.has(containerId) ? undefined : this.prepared.get(containerId);
  }

  /** Started (again) or unpaused: a death before that counts no more. */
  revive(containerId: string): void {
    this.died.delete(containerId);
    this.living.delete(containerId);
  }

  async relist(signal: AbortSignal): Promise<void> {
    for (const [id, since] of this.died) if (performance.now() - since > mourning) this.died.delete(id);
    // Of some it may have been missed that they are gone.
    this.prepared.clear();
    const listed = (await this.client.containers(signal, taskFilter)).map((container) => idOf(container, 'Id')).filter((id) => id !== null);
    const found = new Map<string, LocalTask>();
    for (let start = 0; start < listed.length; start += inspections) {
      const answers = await Promise.all(listed.slice(start, start + inspections).map(async (id) => [id, await this.inspect(id, signal)] as const));
      for (const [id, task] of answers) if (task !== null) found.set(id, task);
    }
    for (const id of this.died.keys()) found.delete(id);
    this.living = found;
  }

  async add(containerId: string, signal: AbortSignal): Promise<void> {
    const task = await this.inspect(containerId, signal);
    if (task !== null && !this.died.has(containerId)) this.living.set(containerId, task);
    this.prepared.delete(containerId);
  }

  /** One that was created and has not started yet. */
  async prepare(containerId: string, signal: AbortSignal): Promise<void> {
    const container = await this.look(containerId, signal);
    const taskId = hasHealthCheck(container) ? null : taskOf(container);
    if (taskId !== null && !this.died.has(containerId)) this.prepared.set(containerId, taskId);
  }

  private async inspect(containerId: string, signal: AbortSignal): Promise<LocalTask | null> {
    return localTaskOf(await this.look(containerId, signal));
  }

  /** Null: there is no such container any more. */
  private async look(containerId: string, signal: AbortSignal): Promise<RawObject> {
    try {
      return await this.client.inspectContainer(containerId, signal);
    } catch (error) {
      if (error instanceof DockerAnswerError && error.statusCode === 404) return null;
      throw error;
    }
  }
}

/** Null: not a task's container, or it has no process (any more). */
export function localTaskOf(container: RawObject): LocalTask | null {
  const taskId = taskOf(container);
  const processId = numberOf(container, 'State', 'Pid') ?? 0;
  if (taskId === null || field(container, 'State', 'Running') !== true || !Number.isSafeInteger(processId) || processId < 2) return null;
  return { taskId, namespace: `/proc/${processId}/ns/net`, processId, isReady: isHealthy(container) };
}

function taskOf(container: RawObject): string | null {
  return idOf(field(container, 'Config', 'Labels'), taskLabel);
}

/** Its own or its image's: without a test, or with `NONE` for one, it has none (Docker's API, HealthConfig). */
function hasHealthCheck(container: RawObject): boolean {
  const test = field(container, 'Config', 'Healthcheck', 'Test');
  return Array.isArray(test) && test.length > 0 && test[0] !== 'NONE';
}

/** As Swarm sees it: a container without a health check is healthy once it runs. */
function isHealthy(container: RawObject): boolean {
  const health = textOf(container, 'State', 'Health', 'Status') ?? 'none';
  return health === 'none' || health === 'healthy';
}

class LocalTasksFollower {
  private readonly containers: LocalContainers;
  private readonly resyncMilliseconds: number;
  private readonly alarm = new Alarm();
  private readonly backoff = new Backoff({ firstMilliseconds: 250, limitMilliseconds: 3_000 });
  private readonly started = new Set<string>();
  private readonly created = new Set<string>();
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
          onEvent: (event) => this.onEvent(event),
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

  private onEvent({ action, id }: DockerEvent): void {
    if (id === '') return;
    if (action === 'die' || action === 'destroy') {
      this.started.delete(id);
      this.created.delete(id);
      this.onDeath(id, `container ${action}`);
    } else if (action === 'create') {
      this.created.add(id);
      this.alarm.ring();
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

  /** They have been looked at, or are gone. */
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
        else for (const id of started) await this.containers.add(id, signal);
        signal.throwIfAborted();
        this.backoff.reset();
        this.tell(reason ?? 'container start');
        this.settle(reason === null ? started : [...this.heard.keys()]);
        await this.prepare(signal);
        await this.alarm.wait(this.resyncMilliseconds, signal);
        if (this.relist === null && this.started.size === 0 && this.created.size === 0) this.relist = 'resync';
      } catch (error) {
        if (signal.aborted) return;
        this.relist = 'Docker answers again';
        this.fail(error instanceof Error ? error : new Error(String(error)));
        await this.alarm.wait(this.backoff.next(), signal);
      }
    }
  }

  /** Those that run already go first. */
  private async prepare(signal: AbortSignal): Promise<void> {
    for (const id of this.created) {
      if (this.started.size > 0 || this.relist !== null) return;
      this.created.delete(id);
      await this.containers.prepare(id, signal);
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
