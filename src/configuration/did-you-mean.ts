/** ` Did you mean "resync"?` for a word that is nearly one of those known, else nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const simplified = simplify(word);
  const nearest = known
    .map((candidate) => ({ candidate, distance: editDistance(simplified, simplify(candidate)) }))
    .sort((one, other) => one.distance - other.distance)[0];
  const farthest = Math.max(1, Math.floor(simplified.length / 3));
  return nearest !== undefined && nearest.distance <= farthest ? ` Did you mean "${nearest.candidate}"?` : '';
}

/** `gateway_subnet`, `Gateway-Subnet` and `gatewaySubnet` are one word to a person. Cut, since strangers may write the word. */
function simplify(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, '').slice(0, 40);
}

/** Levenshtein's distance: insertions, deletions and replacements of one character. */
function editDistance(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const current = [i];
    for (let j = 1; j <= other.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[other.length] ?? 0;
}
