/**
 * What every source must keep of its promise to the listener: a state is told only when it differs from the one before,
 * a failure once for as long as its words stay the same, and the first state after a failure always, since it says that
 * the trouble is over.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClusterListener } from './source.js';
import type { ClusterState } from './state.js';

export class Teller {
  private told: ClusterState | null = null;
  private failure: string | null = null;

  constructor(private readonly listener: ClusterListener) {}

  get isFailing(): boolean {
    return this.failure !== null;
  }

  /** Null before the first. */
  get lastState(): ClusterState | null {
    return this.told;
  }

  tell(state: ClusterState, reason: string): void {
    const recovered = this.failure !== null;
    this.failure = null;
    if (!recovered && this.told !== null && isDeepStrictEqual(state, this.told)) return;
    this.told = state;
    this.listener.onState(state, reason);
  }

  fail(error: Error): void {
    if (this.failure === error.message) return;
    this.failure = error.message;
    this.listener.onUnavailable(error);
  }
}
