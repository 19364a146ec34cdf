/** How one published port is served: the part of the label grammar that is built, parsed and typed. */

/** IPVS's schedulers that the grammar offers (ipvsadm(8), --scheduler). */
export const schedulers = ['rr', 'wrr', 'lc', 'wlc', 'sh', 'mh', 'dh', 'sed', 'nq', 'fo', 'ovf'] as const;
export type Scheduler = (typeof schedulers)[number];

export type SourceAddress = 'preserve' | 'snat';

/** `flow`: all datagrams of one client address and port go to one task. `one-packet`: each datagram is scheduled for itself. */
export const udpSchedulings = ['flow', 'one-packet'] as const;
export type UdpScheduling = (typeof udpSchedulings)[number];

export interface PortPolicy {
  /** `preserve`: the task sees the client's address. `snat`: it sees the node's router address, as with dockerd. */
  readonly sourceAddress: SourceAddress;
  readonly scheduler: Scheduler;
  /** IPVS persistence in seconds; null: every connection is scheduled for itself. */
  readonly affinitySeconds: number | null;
  /** How long a removed task's connections may live on, in milliseconds. Long by default: Docker ends its tasks by itself after their stop grace. */
  readonly drainMilliseconds: number;
  /** Of udp ports; it has no meaning for others. */
  readonly udp: UdpScheduling;
}

export const defaultPortPolicy: PortPolicy = {
  sourceAddress: 'preserve',
  scheduler: 'rr',
  affinitySeconds: null,
  drainMilliseconds: 600_000,
  udp: 'flow',
};
