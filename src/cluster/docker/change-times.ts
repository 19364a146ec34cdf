/**
 * When the changes between two states were made, as Docker says: how long each took to reach the kernel is measured
 * from there. Pure. Beside the state, since two states are equal whenever they were made.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClusterState, Service, Task } from '../state.js';
import { textOf } from './json.js';
import type { RawCluster, RawObject } from './raw.js';

/**
 * In milliseconds since 1970, one for each service and task that changed and whose time is known: what Docker has
 * deleted it tells no time of. Nothing for the first state: what it holds was there before us.
 */
export function changeTimes(before: ClusterState | null, after: ClusterState, raw: RawCluster): number[] {
  if (before === null) return [];
  const times = [...taskTimes(before, after, raw), ...serviceTimes(before, after, raw)].map((text) => Date.parse(text ?? ''));
  // Docker's zero time is the year 1.
  return times.filter((time) => time > 0);
}

function taskTimes(before: ClusterState, after: ClusterState, { tasks }: RawCluster): (string | null)[] {
  const changed = changes<Task>(before.tasks, after.tasks);
  const raw = byId(tasks, changed);
  return [...changed].map(([id, [then, now]]) => {
    const task = raw.get(id);
    // Nobody waits for what is only prepared.
    if (now?.starting === true || (then?.starting === true && now === undefined)) return null;
    const weightChanged = then !== undefined && now !== undefined && then.starting !== true;
    // Who came or went has another status since then. Who must take no more has the status that he had: only Swarm's
    // record of him is new.
    return task === undefined || (now === undefined && textOf(task, 'Status', 'State') === 'running')
      ? null
      : textOf(task, ...(weightChanged ? ['UpdatedAt'] : ['Status', 'Timestamp']));
  });
}

function serviceTimes(before: ClusterState, after: ClusterState, { services }: RawCluster): (string | null)[] {
  const changed = changes<Service>(before.services, after.services);
  const raw = byId(services, changed);
  return [...changed.keys()].map((id) => textOf(raw.get(id), 'UpdatedAt'));
}

type Pair<Item> = readonly [before: Item | undefined, after: Item | undefined];

function changes<Item extends { readonly id: string }>(before: readonly Item[], after: readonly Item[]): Map<string, Pair<Item>> {
  const old = new Map(before.map((item) => [item.id, item]));
  const changed = new Map<string, Pair<Item>>();
  for (const item of after) {
    const then = old.get(item.id);
    old.delete(item.id);
    if (!isDeepStrictEqual(then, item)) changed.set(item.id, [then, item]);
  }
  for (const [id, item] of old) changed.set(id, [item, undefined]);
  return changed;
}

function byId(objects: readonly RawObject[], wanted: ReadonlyMap<string, unknown>): Map<string, RawObject> {
  if (wanted.size === 0) return new Map();
  return new Map(objects.map((object) => [textOf(object, 'ID') ?? '', object] as const).filter(([id]) => wanted.has(id)));
}
