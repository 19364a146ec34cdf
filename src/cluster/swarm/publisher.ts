import type { RelayFacts } from '../source.js';
import type { ClusterState } from '../state.js';

/** By what a manager tells the other nodes of its cluster; `server/relay-publisher.ts` is one. */
export interface Publisher {
  /** For people: `relay on 192.168.56.11:4798 (2 followers)`, `no relay: …`. */
  readonly description: string;
  /** Null while nothing is served. */
  readonly facts: RelayFacts | null;
  /** The manager's own Docker told this state; `changedAt` as in ClusterListener. */
  publish(state: ClusterState, changedAt?: readonly number[]): void;
  /** The manager's own Docker does not answer. */
  setUnavailable(): void;
  /** Serves on this address from now on, or not at all. Tries again by itself what can't be done yet. */
  serveOn(address: string | null): Promise<void>;
}
