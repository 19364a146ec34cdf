/**
 * The containers of this node's tasks, as its Docker last told of them.
 *
 * INVARIANT: a container that died never comes back by an answer that was on its way when it died.
 */
import { byCodeUnit } from '../sorting.js';
import type { LocalTask } from '../source.js';
import type { DockerClient } from './client.js';
import { DockerAnswerError } from './errors.js';
import { field, idOf, numberOf, textOf } from './json.js';
import type { RawObject } from './raw.js';

/** swarmkit's agent puts it on every task's container. */
const taskLabel = 'com.docker.swarm.task.id';
export const taskFilter = { label: [taskLabel] } as const;
/** Containers inspected at once. */
const inspections = 8;
/** How long a death is remembered, in milliseconds: longer than any request lasts. */
const mourning = 60_000;

/** By container id. */
export class LocalContainers {
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
    // One that has started meanwhile was looked at for that.
    if (taskId !== null && !this.died.has(containerId) && !this.living.has(containerId)) this.prepared.set(containerId, taskId);
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
