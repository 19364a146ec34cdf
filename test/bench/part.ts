/** What a part is given, and what the parts do alike. */
import { summarise, type Summary } from './statistics.js';
import type { Figure, ReferenceName } from './report.js';
import type { Sides } from './turns.js';

export interface PartContext {
  /** Nodes of the lab: h1, h2, … */
  readonly nodes: readonly string[];
  readonly rounds: number;
  readonly minutes: number;
  readonly services: number;
  readonly ports: number;
  readonly small: boolean;
  /** Progress, for people who wait. */
  readonly tell: (message: string) => void;
}

/** Gives figures as it comes by them: a part that takes an hour may yet fail, and what it gave before is kept. */
export type Part = (context: PartContext) => AsyncIterable<readonly Figure[]>;

/** Those of the sizes that have so many ports at most; the smallest in any case. */
export function sizesUpTo(ports: number, sizes: readonly number[]): number[] {
  return sizes.filter((size, index) => index === 0 || size <= ports);
}

export function referenceOf(name: ReferenceName, summary: Summary): NonNullable<Figure['reference']> {
  return { name, ...summary };
}

/** One value of each sample of both sides, by its median unless another is asked for. */
export function summaries<Sample>({ routemesh, dockerd }: Sides<Sample>, value: (sample: Sample) => number, by?: (samples: readonly number[]) => number): [Summary, NonNullable<Figure['reference']>] {
  return [summarise(routemesh.map(value), by), referenceOf('dockerd', summarise(dockerd.map(value), by))];
}
