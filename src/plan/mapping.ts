/** A list made of another, item by item, and made again at the cost of the items that changed. */
import { differingSpan, isSameList, splice, type Span } from '../sharing.js';

export interface Mapping<Item, Result> {
  readonly items: readonly Item[];
  /** What else each item's results were made of; null: nothing. */
  readonly beside: readonly unknown[] | null;
  /** How many results each item has; null: one each. */
  readonly counts: readonly number[] | null;
  readonly results: readonly Result[];
}

export const emptyMapping: Mapping<never, never> = { items: [], beside: null, counts: null, results: [] };

export type Maker<Item, Beside, Result> =
  | { readonly one: (item: Item, beside: Beside) => Result }
  | { readonly several: (item: Item, beside: Beside) => readonly Result[] };

/** The same list of results, not only an equal one, when no item's results changed. */
export function mapAnew<Item, Beside, Result>(
  last: Mapping<Item, Result>,
  items: readonly Item[],
  make: Maker<Item, Beside, Result>,
  beside: readonly Beside[] | null,
): Mapping<Item, Result> {
  const span = spanOf(last, items, beside);
  const { start, previousEnd, nextEnd } = span;
  if (isEmpty(span)) return { ...last, items: last.items.length === 0 ? items : last.items, beside: last.beside ?? beside };

  const from = resultsOf(last, 0, start);
  const to = from + resultsOf(last, start, previousEnd);
  const known = knownResults(last, start, previousEnd, from, nextEnd - start);
  const middle: Result[] = [];
  const counts: number[] = [];
  for (let index = start; index < nextEnd; index += 1) {
    const item = items[index] as Item;
    const more = beside?.[index] as Beside;
    const results = known(item, more) ?? ('one' in make ? [make.one(item, more)] : make.several(item, more));
    counts.push(results.length);
    for (const result of results) middle.push(sameOr(last.results[from + middle.length], result));
  }
  const isSame = middle.length === to - from && middle.every((result, index) => result === last.results[from + index]);
  const hasSameCounts = counts.length === previousEnd - start && counts.every((count, index) => count === last.counts?.[start + index]);
  return {
    items,
    beside,
    counts: 'one' in make ? null : hasSameCounts ? last.counts : splice(last.counts ?? [], start, previousEnd, counts),
    results: isSame ? last.results : splice(last.results, from, to, middle),
  };
}

/** An item is as before when it is the same object, and what is beside it too. */
function spanOf(last: Mapping<unknown, unknown>, items: readonly unknown[], beside: readonly unknown[] | null): Span {
  const span = differingSpan(last.items, items);
  if (beside === null || last.beside === null) return span;
  const around = differingSpan(last.beside, beside);
  if (isEmpty(span)) return around;
  if (isEmpty(around)) return span;
  // Both lists have one entry for each item: what differs in either lies between the outermost differences.
  const start = Math.min(span.start, around.start);
  const left = Math.min(items.length - span.nextEnd, items.length - around.nextEnd);
  return { start, previousEnd: Math.max(start, last.items.length - left), nextEnd: Math.max(start, items.length - left) };
}

function isEmpty({ start, previousEnd, nextEnd }: Span): boolean {
  return start === previousEnd && start === nextEnd;
}

/** The object before, where the new one says the same: then nothing has changed for whoever takes it from here. */
function sameOr<Result>(last: Result | undefined, now: Result): Result {
  return last !== undefined && isSameFlat(last, now) ? last : now;
}

/** Plain objects and lists of plain values; whatever holds objects is the same only when those are. */
function isSameFlat(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) && Array.isArray(other)) return isSameList(one, other);
  const [keys, others] = [Object.keys(one), Object.keys(other)];
  return keys.length === others.length && keys.every((key) => (one as Record<string, unknown>)[key] === (other as Record<string, unknown>)[key]);
}

/** How many results the items from `start` to `end` have. */
function resultsOf({ counts }: Mapping<unknown, unknown>, start: number, end: number): number {
  if (counts === null) return end - start;
  let sum = 0;
  for (let index = start; index < end; index += 1) sum += counts[index] ?? 0;
  return sum;
}

/** Items between two that changed keep their results: found by the item, where more than one is asked for. */
function knownResults<Item, Result>(last: Mapping<Item, Result>, start: number, end: number, from: number, asked: number): (item: Item, beside: unknown) => readonly Result[] | undefined {
  if (end === start || asked <= 1) return () => undefined;
  const places = new Map<Item, { readonly beside: unknown; readonly from: number; readonly to: number }>();
  let offset = from;
  for (let index = start; index < end; index += 1) {
    const next = offset + (last.counts === null ? 1 : (last.counts[index] ?? 0));
    places.set(last.items[index] as Item, { beside: last.beside?.[index], from: offset, to: next });
    offset = next;
  }
  return (item, beside) => {
    const place = places.get(item);
    return place !== undefined && place.beside === beside ? last.results.slice(place.from, place.to) : undefined;
  };
}
