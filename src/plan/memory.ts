/**
 * What a plan remembers of the plan before, so that the next one costs what has changed and not what there is.
 *
 * Every part is made by a pure function of what is named beside it; as long as those are the same objects, the result
 * is the same object too. So a reader may leave the memory out of mind, and a difference of two plans may pass over
 * whatever is identical in both.
 */
import { isSameList } from '../sharing.js';
import { emptyMapping, mapAnew, type Maker, type Mapping } from './mapping.js';

interface Remembered<Result> {
  readonly dependencies: readonly unknown[];
  readonly result: Result;
}

export class PlanMemory {
  private readonly values = new Map<string, Remembered<unknown>>();
  private readonly mappings = new Map<string, Remembered<Mapping<unknown, unknown>>>();

  /** Made anew when a dependency is another object (or number, or text) than the last time; `last` is the one before. */
  value<Result>(name: string, dependencies: readonly unknown[], make: (last: Result | undefined) => Result): Result {
    const known = this.values.get(name) as Remembered<Result> | undefined;
    if (known !== undefined && isSameList(known.dependencies, dependencies)) return known.result;
    const result = make(known?.result);
    this.values.set(name, { dependencies, result });
    return result;
  }

  /**
   * `items.flatMap(make)`. Only items that are new are asked for, and all of them once a dependency has changed.
   * `beside`: what else each item's results are made of, one for each.
   */
  flatMap<Item, Result, Beside = undefined>(
    name: string,
    items: readonly Item[],
    dependencies: readonly unknown[],
    make: (item: Item, beside: Beside) => readonly Result[],
    beside?: readonly Beside[],
  ): readonly Result[] {
    return this.mapping(name, items, dependencies, { several: make }, beside);
  }

  /** `items.map(make)`, as `flatMap`. */
  map<Item, Result, Beside = undefined>(
    name: string,
    items: readonly Item[],
    dependencies: readonly unknown[],
    make: (item: Item, beside: Beside) => Result,
    beside?: readonly Beside[],
  ): readonly Result[] {
    return this.mapping(name, items, dependencies, { one: make }, beside);
  }

  /** `items.filter(is)`, as `flatMap`. */
  filter<Item>(name: string, items: readonly Item[], dependencies: readonly unknown[], is: (item: Item) => boolean): readonly Item[] {
    return this.flatMap(name, items, dependencies, (item) => (is(item) ? [item] : []));
  }

  /** One list after the other. */
  join<Item>(name: string, ...lists: readonly (readonly Item[])[]): readonly Item[] {
    return this.value(name, lists, () => ([] as Item[]).concat(...lists));
  }

  /** What will not be asked for again soon: it would only take room. */
  forget(...names: readonly string[]): void {
    for (const name of names) {
      this.values.delete(name);
      this.mappings.delete(name);
    }
  }

  private mapping<Item, Result, Beside>(
    name: string,
    items: readonly Item[],
    dependencies: readonly unknown[],
    make: Maker<Item, Beside, Result>,
    beside: readonly Beside[] | undefined,
  ): readonly Result[] {
    const known = this.mappings.get(name) as Remembered<Mapping<Item, Result>> | undefined;
    const last: Mapping<Item, Result> = known !== undefined && isSameList(known.dependencies, dependencies) ? known.result : emptyMapping;
    const result = mapAnew(last, items, make, beside ?? null);
    this.mappings.set(name, { dependencies, result });
    return result.results;
  }
}
