/** Observations counted by upper bounds, as Prometheus wants them. */
export class Histogram {
  private readonly counts: number[];
  private total = 0;
  private seen = 0;

  /** `bounds`: upper bounds in rising order; +Inf follows by itself. */
  constructor(readonly bounds: readonly number[]) {
    this.counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.seen += 1;
    this.total += value;
    const index = this.bounds.findIndex((bound) => value <= bound);
    if (index >= 0) this.counts[index] = (this.counts[index] ?? 0) + 1;
  }

  get count(): number {
    return this.seen;
  }

  get sum(): number {
    return this.total;
  }

  /** Each bound with the number of observations up to it. */
  cumulative(): readonly (readonly [bound: number, count: number])[] {
    let sum = 0;
    return this.bounds.map((bound, index) => [bound, (sum += this.counts[index] ?? 0)] as const);
  }
}

/** In seconds: from a change of one real server to a Docker that answered after a minute. */
export const latencyBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;
