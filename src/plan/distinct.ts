/** Of tasks that share an address, one: a kernel knows an address once. */
import type { Ipv4Address, Task } from '../cluster/state.js';
import { changesBetween } from '../sharing.js';

export interface DistinctTasks {
  readonly all: readonly Task[];
  /** How many tasks have each address. */
  readonly counts: ReadonlyMap<Ipv4Address, number>;
  /** The first of each address. */
  readonly tasks: readonly Task[];
}

/** `last` is used up, as in `groupByService`. */
export function withDistinctAddresses(last: DistinctTasks | undefined, all: readonly Task[]): DistinctTasks {
  const counts = (last?.counts ?? new Map()) as Map<Ipv4Address, number>;
  const { removed, added } = changesBetween(last?.all ?? [], all);
  for (const { identity: { address } } of added) counts.set(address, (counts.get(address) ?? 0) + 1);
  for (const { identity: { address } } of removed) {
    const left = (counts.get(address) ?? 0) - 1;
    if (left > 0) counts.set(address, left);
    else counts.delete(address);
  }
  return { all, counts, tasks: counts.size === all.length ? all : firstOfEach(all) };
}

function firstOfEach(tasks: readonly Task[]): Task[] {
  const seen = new Set<Ipv4Address>();
  return tasks.filter(({ identity: { address } }) => !seen.has(address) && seen.add(address) !== undefined);
}
