/**
 * Waiting times between failing attempts: each twice the one before, with full jitter over its upper half, so that
 * controllers that failed together don't come back together.
 */
export interface BackoffOptions {
  readonly firstMilliseconds: number;
  readonly limitMilliseconds: number;
  /** 0 ≤ number < 1; injected by tests. */
  readonly random?: () => number;
}

export class Backoff {
  private failures = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const { firstMilliseconds, limitMilliseconds, random = Math.random } = this.options;
    const ceiling = Math.min(limitMilliseconds, firstMilliseconds * 2 ** Math.min(this.failures, 30));
    this.failures += 1;
    return Math.round(ceiling / 2 + (random() * ceiling) / 2);
  }

  /** It worked: start again from the shortest. */
  reset(): void {
    this.failures = 0;
  }
}
