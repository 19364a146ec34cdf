/**
 * What every source must keep of its promise to the listener: a state is told only when it differs from the one before,
 * a failure once for as long as its words stay the same, and the first state after a failure always, since it says that
 * the trouble is over. What a state has in common with the one before are the same objects.
 */
import type { ClusterListener } from './source.js';
import { shareState } from './share.js';
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

  /** `changedAt` is asked only when there is something to tell. */
  tell(state: ClusterState, reason: string, changedAt: () => readonly number[] = () => []): void {
    const recovered = this.failure !== null;
    this.failure = null;
    const shared = this.told === null ? state : shareState(this.told, state);
    if (!recovered && shared === this.told) return;
    const times = changedAt();
    this.told = shared;
    this.listener.onState(shared, reason, times);
  }

  fail(error: Error): void {
    if (this.failure === error.message) return;
    this.failure = error.message;
    this.listener.onUnavailable(error);
  }
}
