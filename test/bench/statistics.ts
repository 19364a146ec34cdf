/** Figures out of samples. All pure; an empty list of samples is the caller's error. */

/** One value that stands for the samples, and how far they are apart. */
export interface Summary {
  readonly value: number;
  readonly lowest: number;
  readonly highest: number;
  /** Number of samples. */
  readonly count: number;
}

/** The nearest rank: always one of the samples. `fraction`: 0.5 is the middle one, 0.99 the one that 99 of 100 do not exceed. */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((one, other) => one - other);
  const found = sorted[Math.min(sorted.length, Math.max(1, Math.ceil(fraction * sorted.length))) - 1];
  if (found === undefined) throw new RangeError('expected at least one sample, got none');
  return found;
}

/** The middle sample, or the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  const fromBelow = percentile(samples, 0.5);
  const fromAbove = -percentile(samples.map((sample) => -sample), 0.5);
  return (fromBelow + fromAbove) / 2;
}

export function mean(samples: readonly number[]): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}

export function summarise(samples: readonly number[], valueOf: (samples: readonly number[]) => number = median): Summary {
  return { value: valueOf(samples), lowest: Math.min(...samples), highest: Math.max(...samples), count: samples.length };
}

/** Change of y for each 1 of x, by least squares; 0 where all x are the same. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
}

/**
 * How many times routemesh is ahead: 2 is twice as fast, 0.5 half as fast, whichever way is better. Null where it means
 * nothing: a time that is not positive was over before it was asked for.
 */
export function advantage(better: 'lower' | 'higher', ours: number, reference: number): number | null {
  if (ours <= 0 || reference <= 0) return null;
  return better === 'lower' ? reference / ours : ours / reference;
}
