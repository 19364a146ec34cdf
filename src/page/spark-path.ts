/** SVG path of a rate's samples, one each second, the newest at the right edge; empty for one that has been nothing. Pure. */
export function sparkPath(samples: readonly number[], width: number, height: number, length = 60): string {
  const highest = Math.max(...samples, 0);
  if (highest === 0 || samples.length < 2) return '';
  const step = width / (length - 1);
  // Before the page was opened nothing is known: the line begins on the ground.
  const all = [...Array.from({ length: Math.max(0, length - samples.length) }, () => 0), ...samples];
  return all.map((sample, index) => `${index === 0 ? 'M' : 'L'}${(index * step).toFixed(1)} ${(height - 1 - (sample / highest) * (height - 2)).toFixed(1)}`).join('');
}
