/**
 * Removed tasks drain: they keep their connections at weight 0 until no connection is left, the task is gone, or its
 * grace is over.
 *
 * The cluster says "removed" in two ways: weight 0 (Docker: still running, no longer desired), or by leaving the task
 * out (file: the endpoint's line is deleted; Docker: the service is removed while its task stops). In the second the
 * task lingers here, with its service, as long as its namespace lives on this node.
 */
import { defaultPortPolicy } from '../cluster/policy.js';
import { byId } from '../cluster/sorting.js';
import type { ClusterState, Service, Task } from '../cluster/state.js';

/** What must be known to end a drain. */
export interface DrainFacts {
  /** Milliseconds of a clock that never goes back. */
  readonly now: number;
  /** Is the task's namespace still on this node? */
  isAlive(task: Task): boolean;
  /** Connections that IPVS keeps for the task; null where it could not be asked. */
  connectionsOf(task: Task): number | null;
}

/** Told of each drain once. */
export interface DrainListener {
  onBegan(task: Task): void;
  onEnded(task: Task, end: DrainEnd): void;
}

export type DrainEnd = 'no connections left' | 'task gone' | 'takes connections again' | 'time is up';

interface Drain {
  readonly task: Task;
  readonly service: Service;
  readonly since: number;
  /** Over: not programmed any more, remembered only so that it does not begin again. */
  over: boolean;
}

export class DrainKeeper {
  private readonly drains = new Map<string, Drain>();
  private previous: ClusterState | null = null;

  constructor(private readonly listener: DrainListener = { onBegan: () => undefined, onEnded: () => undefined }) {}

  /** The state with draining tasks at weight 0 and without those whose drain is over. */
  apply(state: ClusterState, facts: DrainFacts): ClusterState {
    this.begin(state, facts);
    this.end(state, facts);
    this.previous = state;

    const draining = [...this.drains.values()];
    const over = new Set(draining.filter((drain) => drain.over).map((drain) => drain.task.id));
    const present = new Set(state.tasks.map(({ id }) => id));
    const lingering = draining.filter(({ task, over: isOver }) => !isOver && !present.has(task.id));
    if (over.size === 0 && lingering.length === 0) return state;

    const known = new Set(state.services.map(({ id }) => id));
    const removedServices = new Map(
      lingering.filter(({ service }) => !known.has(service.id)).map(({ service }) => [service.id, { ...service, removed: true }]),
    );
    return {
      ...state,
      services: [...state.services, ...removedServices.values()].sort(byId),
      tasks: [...state.tasks.filter(({ id }) => !over.has(id)), ...lingering.map(({ task }) => ({ ...task, weight: 0 }))].sort(byId),
    };
  }

  /** Has any drain come to its end, so that a sync would change something? */
  hasEnded(facts: DrainFacts): boolean {
    return [...this.drains.values()].some((drain) => !drain.over && (endOf(drain, facts) !== null || !facts.isAlive(drain.task)));
  }

  /** Ids of tasks that are being drained and still programmed. */
  draining(): string[] {
    return [...this.drains.values()].filter((drain) => !drain.over).map((drain) => drain.task.id);
  }

  private begin(state: ClusterState, facts: DrainFacts): void {
    const services = new Map(state.services.map((service) => [service.id, service]));
    const present = new Map(state.tasks.map((task) => [task.id, task]));
    for (const task of state.tasks) {
      const service = services.get(task.serviceId);
      if (task.weight === 0 && service !== undefined) this.start(task, service, facts.now);
    }
    if (this.previous === null) return;
    const previousServices = new Map(this.previous.services.map((service) => [service.id, service]));
    for (const task of this.previous.tasks) {
      if (present.has(task.id) || !facts.isAlive(task)) continue;
      const service = services.get(task.serviceId) ?? previousServices.get(task.serviceId);
      if (service !== undefined) this.start(task, service, facts.now);
    }
  }

  private start(task: Task, service: Service, now: number): void {
    if (this.drains.has(task.id)) return;
    this.drains.set(task.id, { task, service, since: now, over: false });
    this.listener.onBegan(task);
  }

  private end(state: ClusterState, facts: DrainFacts): void {
    const present = new Map(state.tasks.map((task) => [task.id, task]));
    for (const [id, drain] of this.drains) {
      const task = present.get(id);
      const cameBack = task !== undefined && task.weight > 0;
      const gone = task === undefined && (!facts.isAlive(drain.task) || drain.over);
      if (cameBack || gone) {
        this.drains.delete(id);
        if (!drain.over) this.listener.onEnded(drain.task, cameBack ? 'takes connections again' : 'task gone');
      } else if (!drain.over) {
        const end = endOf(drain, facts);
        if (end === null) continue;
        drain.over = true;
        if (task === undefined) this.drains.delete(id);
        this.listener.onEnded(drain.task, end);
      }
    }
  }
}

function endOf(drain: Drain, facts: DrainFacts): DrainEnd | null {
  const age = facts.now - drain.since;
  // In the very sync that begins the drain, the weight has not reached the kernel: no count is final yet.
  if (age > 0 && facts.connectionsOf(drain.task) === 0) return 'no connections left';
  return age >= grace(drain.service) ? 'time is up' : null;
}

/** The longest that any port of the service asks for. */
function grace(service: Service): number {
  return service.ports.reduce((longest, port) => Math.max(longest, port.policy.drainMilliseconds), service.ports.length === 0 ? defaultPortPolicy.drainMilliseconds : 0);
}
