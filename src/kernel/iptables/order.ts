/** The most that two orders of things have in common: what need not be touched. */

/**
 * The longest sequence of keys that both lists hold in the same order. Keys are unique within a list, so the longest
 * common subsequence is the longest increasing run of positions: O(n log n), 10,000 rules are no matter.
 */
export function longestCommonOrder(first: readonly string[], second: readonly string[]): Set<string> {
  const positions = new Map(second.map((key, index) => [key, index]));
  const shared = first.flatMap((key) => {
    const position = positions.get(key);
    return position === undefined ? [] : [{ key, position }];
  });

  // Patience: tails[length] is the end of the best run of that length; `before` leads back along it.
  const tails: number[] = [];
  const before: (number | null)[] = [];
  shared.forEach(({ position }, index) => {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((shared[tails[middle] ?? 0]?.position ?? 0) < position) low = middle + 1;
      else high = middle;
    }
    before.push(low === 0 ? null : (tails[low - 1] ?? null));
    tails[low] = index;
  });

  const kept = new Set<string>();
  for (let index = tails.at(-1) ?? null; index !== null; index = before[index] ?? null) {
    const item = shared[index];
    if (item !== undefined) kept.add(item.key);
  }
  return kept;
}
