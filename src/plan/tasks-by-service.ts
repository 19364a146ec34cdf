/** The tasks of each service, kept up with a list of tasks that changes little. */
import { byId } from '../cluster/sorting.js';
import type { Task } from '../cluster/state.js';
import { changesBetween } from '../sharing.js';

export interface TasksByService {
  readonly tasks: readonly Task[];
  /** By service id; each list is sorted by id, and another object whenever it holds others. */
  readonly groups: ReadonlyMap<string, readonly Task[]>;
  /** Ids of the services whose lists are not those of the last time. */
  readonly changed: readonly string[];
}

export const noTasks: readonly Task[] = [];

/** `last` is used up: its map becomes the result's, since copying it would cost more than all the rest. */
export function groupByService(last: TasksByService | undefined, tasks: readonly Task[]): TasksByService {
  const groups = (last?.groups ?? new Map()) as Map<string, readonly Task[]>;
  const { removed, added } = changesBetween(last?.tasks ?? noTasks, tasks);
  const gone = new Set(removed);
  const newcomers = new Map<string, Task[]>([...removed, ...added].map(({ serviceId }) => [serviceId, []]));
  for (const task of added) newcomers.get(task.serviceId)?.push(task);
  for (const [id, own] of newcomers) {
    const group = [...(groups.get(id) ?? noTasks).filter((task) => !gone.has(task)), ...own].sort(byId);
    if (group.length === 0) groups.delete(id);
    else groups.set(id, group);
  }
  return { tasks, groups, changed: [...newcomers.keys()] };
}
