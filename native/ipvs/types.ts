/** IPVS's objects, in the words of ipvsadm(8) and linux/ip_vs.h. */

import type { AddressFamily, IpAddress } from '../inet.js';
import type { TransportProtocol } from '../listen.js';
import type { Attribute } from '../netlink/attributes.js';

/** Names a virtual service: packets with a firewall mark, or to an address, protocol and port. */
export type ServiceKey =
  | { readonly kind: 'fwmark'; readonly family: AddressFamily; /** 1–0xffffffff */ readonly fwmark: number }
  | {
      readonly kind: 'address';
      readonly protocol: TransportProtocol;
      readonly address: IpAddress;
      /** 0: every port (persistent services only). */
      readonly port: number;
    };

/** Schedulers of the kernel (net/netfilter/ipvs/ip_vs_*.c); another module's name is accepted too. */
export type SchedulerName =
  | 'rr' | 'wrr' | 'lc' | 'wlc' | 'lblc' | 'lblcr' | 'dh' | 'sh' | 'sed' | 'nq' | 'fo' | 'ovf' | 'mh' | 'twos';

/** Every scheduler that Linux has. */
export const SCHEDULER_NAMES: readonly SchedulerName[] = [
  'rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'fo', 'ovf', 'mh', 'twos',
];

/** A virtual service's settings: compare these with what is wanted. */
export interface VirtualService {
  readonly key: ServiceKey;
  readonly scheduler: string;
  /** Seconds for which a client stays with its real server; undefined: not persistent. */
  readonly persistenceSeconds: number | undefined;
  /** How many bits of the client's address count as one client: 32 or 128 are single clients. */
  readonly persistencePrefixLength: number;
  /** UDP: schedule every packet by itself. */
  readonly onePacket: boolean;
  /** sh and mh: bits 1–3 (1 fallback, 2 use the port), see IP_VS_SVC_F_SCHED*. */
  readonly schedulerFlags: SchedulerFlags;
  /** Persistence engine ("sip"), if any. */
  readonly persistenceEngine: string | undefined;
}

export interface SchedulerFlags {
  /** sh-fallback / mh-fallback. */
  readonly flag1: boolean;
  /** sh-port / mh-port. */
  readonly flag2: boolean;
  readonly flag3: boolean;
}

/** What adding or setting a service needs; defaults: not persistent, whole address, no flags. */
export type NewVirtualService = Pick<VirtualService, 'key' | 'scheduler'> & Partial<VirtualService>;

/** A service as a dump shows it. */
export interface ObservedVirtualService extends VirtualService {
  /** IP_VS_SVC_F_* bits as the kernel has them. */
  readonly flags: number;
  readonly statistics: IpvsStatistics;
}

/** Counters since the last zero, and rates per second. The kernel's estimators refresh both every two seconds only. */
export interface IpvsStatistics {
  readonly connections: bigint;
  readonly incomingPackets: bigint;
  readonly outgoingPackets: bigint;
  readonly incomingBytes: bigint;
  readonly outgoingBytes: bigint;
  readonly connectionsPerSecond: bigint;
  readonly incomingPacketsPerSecond: bigint;
  readonly outgoingPacketsPerSecond: bigint;
  readonly incomingBytesPerSecond: bigint;
  readonly outgoingBytesPerSecond: bigint;
}

/** How a packet gets to its real server. */
export type ForwardingMethod = 'masquerade' | 'local' | 'tunnel' | 'direct-route';

/** Encapsulation of the tunnel method (Linux 5.3 and later; before that always ipip). */
export type TunnelEncapsulation =
  | { readonly type: 'ipip' }
  | { readonly type: 'gue'; readonly port: number; readonly checksum: TunnelChecksum }
  | { readonly type: 'gre'; readonly checksum: Exclude<TunnelChecksum, 'remote'> };
export type TunnelChecksum = 'none' | 'checksum' | 'remote';

/** Names a real server within its service. */
export interface DestinationKey {
  readonly address: IpAddress;
  readonly port: number;
}

export interface Destination extends DestinationKey {
  readonly forwarding: ForwardingMethod;
  /** Undefined for other methods than tunnel. */
  readonly tunnel: TunnelEncapsulation | undefined;
  /** 0: takes no new connections, keeps those it has. */
  readonly weight: number;
  /** Connections above which it gets no more; 0: no limit. */
  readonly upperThreshold: number;
  /** Connections below which it gets new ones again; 0: three quarters of the upper one. */
  readonly lowerThreshold: number;
}

/** Defaults: masquerade, weight 1, no thresholds. */
export type NewDestination = DestinationKey & Partial<Destination>;

/** A destination as a dump shows it. */
export interface ObservedDestination extends Destination {
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
  readonly statistics: IpvsStatistics;
}

/** Idle times, in seconds, after which a connection is forgotten. */
export interface IpvsTimeouts {
  readonly tcpSeconds: number;
  readonly tcpFinSeconds: number;
  readonly udpSeconds: number;
}

export interface IpvsInfo {
  /** "1.2.1". */
  readonly version: string;
  /** Number of slots of the connection table. */
  readonly connectionTableSize: number;
}

/** A change for `Ipvs.request`; builders make these. */
export interface IpvsRequest {
  /** IPVS_CMD_*. */
  readonly command: number;
  readonly attributes: readonly Attribute[];
  readonly description: string;
}
