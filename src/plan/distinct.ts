/** Of things that share a key, one: a kernel knows an address once. */
import { changesBetween } from '../sharing.js';

/** Numbers take half the room of texts that are put together. */
export type Key = string | number;

export interface Distinct<Item> {
  readonly all: readonly Item[];
  /** How many have each key. */
  readonly counts: ReadonlyMap<Key, number>;
  /** The first of each key. */
  readonly items: readonly Item[];
}

/** `last` is used up, as in `groupByService`. */
export function withDistinct<Item>(last: Distinct<Item> | undefined, all: readonly Item[], keyOf: (item: Item) => Key): Distinct<Item> {
  const counts = (last?.counts ?? new Map()) as Map<Key, number>;
  const { removed, added } = changesBetween(last?.all ?? [], all);
  for (const key of added.map(keyOf)) counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const key of removed.map(keyOf)) {
    const left = (counts.get(key) ?? 0) - 1;
    if (left > 0) counts.set(key, left);
    else counts.delete(key);
  }
  return { all, counts, items: counts.size === all.length ? all : firstOfEach(all, keyOf) };
}

function firstOfEach<Item>(all: readonly Item[], keyOf: (item: Item) => Key): Item[] {
  const seen = new Set<Key>();
  return all.filter((item) => !seen.has(keyOf(item)) && seen.add(keyOf(item)) !== undefined);
}
