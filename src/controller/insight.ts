/**
 * What a running controller has learnt by watching, and nobody can read from the cluster or the kernel: the body of
 * `GET /insight`. `routemesh plan` reads the cluster anew and needs it to say what the controller itself would do.
 */
import type { DrainRecord } from './drain.js';

export interface Insight {
  /** Ports on which it keeps placeholder sockets, as `protocol/number`. */
  readonly heldPorts: readonly string[];
  /** Ids of peers that it finds dead. */
  readonly deadPeers: readonly string[];
  /** Ids of other nodes' tasks that have not answered yet. */
  readonly unreachedTasks: readonly string[];
  readonly drains: readonly DrainRecord[];
}

/** Of a node without a controller. */
export const noInsight: Insight = { heldPorts: [], deadPeers: [], unreachedTasks: [], drains: [] };
