import type { Settings } from '../settings.js';

/** A local task's namespace, found and checked on this node. */
export interface LocalTaskNamespace {
  /** Absolute path of the namespace's file. */
  readonly path: string;
  /** The device in it that carries the task's identity (dockerd's `eth0`). */
  readonly device: string;
}

/** What the plan must know of the node itself; gathered before, so that the plan stays pure. */
export interface PlanContext {
  readonly nodeId: string;
  readonly settings: Settings;
  /** `uname -r`: some sysctls are right only for some kernels. */
  readonly kernelRelease: string;
  /** By task id. A task of this node that is not in it is not reached (a condition says why). */
  readonly localTasks: ReadonlyMap<string, LocalTaskNamespace>;
  /** MTU in bytes of the device that carries the node's own address; the fabric takes VXLAN's 50 off. */
  readonly underlayMtu: number;
  /** Ids of nodes that don't answer over the fabric: their tasks get no new connections. */
  readonly deadPeers: ReadonlySet<string>;
  /** Ids of other nodes' tasks that have just come and did not answer yet. */
  readonly unreachedTasks: ReadonlySet<string>;
  /** `protocol/number` → the program that listens there and is neither dockerd nor us. */
  readonly portsHeldByOthers: ReadonlyMap<string, string>;
  /** Why this node can't match by sets; null or left out: it can, or so few ports are published that nobody asked. */
  readonly whyNoSets?: string | null;
  /** How many ports this process can hold by a placeholder socket; left out: any number. */
  readonly mostPlaceholders?: number;
}
