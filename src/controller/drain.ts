/**
 * Removed tasks drain: they keep their connections at weight 0 until no connection is left, the task is gone, or its
 * grace is over.
 *
 * The cluster says "removed" in two ways: weight 0 (Docker: still running, no longer desired), or by leaving the task
 * out (file: the endpoint's line is deleted; Docker: the service is removed while its task stops). In the second the
 * task lingers here, with its service, as long as its namespace lives on this node.
 */
import { defaultPortPolicy } from '../cluster/policy.js';
import type { ClusterState, Service, Task } from '../cluster/state.js';
import { changesBetween, findById, placeOfId, splice } from '../sharing.js';

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

/** A drain as others than its keeper know it. */
export interface DrainRecord {
  /** At weight 0: what stands for the task where the state has it no more. */
  readonly drained: Task;
  /** Likewise for its service. */
  readonly removedService: Service;
  /** Not programmed any more, though the state may still have the task. */
  readonly over: boolean;
}

/** The state with draining tasks at weight 0 and without those whose drain is over. */
export function withDrains(state: ClusterState, drains: readonly DrainRecord[]): ClusterState {
  const over = drains.filter((drain) => drain.over);
  const lingering = drains.filter((drain) => !drain.over && findById(state.tasks, drain.drained.id) === undefined);
  if (over.length === 0 && lingering.length === 0) return state;
  return {
    ...state,
    services: lingering.reduce((services, { removedService }) => withItem(services, removedService), state.services),
    tasks: lingering.reduce((tasks, { drained }) => withItem(tasks, drained), over.reduce((tasks, { drained }) => withoutId(tasks, drained.id), state.tasks)),
  };
}

export type DrainEnd = 'no connections left' | 'task gone' | 'takes connections again' | 'time is up';

interface Drain extends DrainRecord {
  readonly task: Task;
  readonly service: Service;
  readonly since: number;
  /** Over, and remembered only so that it does not begin again. */
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
    return withDrains(state, [...this.drains.values()]);
  }

  /** Has any drain come to its end, so that a sync would change something? */
  hasEnded(facts: DrainFacts): boolean {
    return [...this.drains.values()].some((drain) => !drain.over && (endOf(drain, facts) !== null || !facts.isAlive(drain.task)));
  }

  /** Ids of tasks that are being drained and still programmed. */
  draining(): string[] {
    return [...this.drains.values()].filter((drain) => !drain.over).map((drain) => drain.task.id);
  }

  /** All of them, those that are over as well. */
  records(): DrainRecord[] {
    return [...this.drains.values()].map(({ drained, removedService, over }) => ({ drained, removedService, over }));
  }

  private begin(state: ClusterState, facts: DrainFacts): void {
    const { previous } = this;
    const { removed, added } = changesBetween(previous?.tasks ?? [], state.tasks);
    // With a service that comes, tasks may begin to drain that were there before it.
    for (const task of previous?.services === state.services ? added : state.tasks) {
      const service = task.weight === 0 && task.starting !== true ? findById(state.services, task.serviceId) : undefined;
      if (service !== undefined) this.start(task, service, facts.now);
    }
    for (const task of removed) {
      // One that never ran has no connections.
      if (task.starting === true || findById(state.tasks, task.id) !== undefined || !facts.isAlive(task)) continue;
      const service = findById(state.services, task.serviceId) ?? findById(previous?.services ?? [], task.serviceId);
      if (service !== undefined) this.start(task, service, facts.now);
    }
  }

  private start(task: Task, service: Service, now: number): void {
    if (this.drains.has(task.id)) return;
    this.drains.set(task.id, { task, service, drained: { ...task, weight: 0 }, removedService: { ...service, removed: true }, since: now, over: false });
    this.listener.onBegan(task);
  }

  private end(state: ClusterState, facts: DrainFacts): void {
    for (const [id, drain] of this.drains) {
      const task = findById(state.tasks, id);
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

/** A list sorted by id, with one object more; one of that id that it has stays. */
function withItem<Item extends { readonly id: string }>(list: readonly Item[], item: Item): readonly Item[] {
  const place = placeOfId(list, item.id);
  return list[place]?.id === item.id ? list : splice(list, place, place, [item]);
}

function withoutId<Item extends { readonly id: string }>(list: readonly Item[], id: string): readonly Item[] {
  const place = placeOfId(list, id);
  return list[place]?.id === id ? splice(list, place, place + 1, []) : list;
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
