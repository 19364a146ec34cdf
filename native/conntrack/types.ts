/** Connections as the kernel's connection tracking knows them, one namespace at a time. */

import type { IpAddress } from '../inet.js';
import type { SCTP_STATES, TCP_STATES } from './constants.js';

/** One direction of a connection, as its packets come in. */
export interface ConntrackTuple {
  /** IPPROTO_* (linux/in.h). */
  readonly protocol: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Undefined for protocols without ports. */
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** Of this direction alone (`CT --zone-orig`); undefined: that of the whole entry. */
  readonly zone: number | undefined;
}

export interface ConntrackCounters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface ConntrackEntry {
  /** Stays the same for the entry's life. */
  readonly id: number;
  readonly original: ConntrackTuple;
  /** What answers look like before they are translated back: where the two differ by more than their direction, NAT was at work. */
  readonly reply: ConntrackTuple;
  /** Of both directions; 0 is the default. */
  readonly zone: number;
  readonly mark: number;
  /** An answer has come by. */
  readonly seenReply: boolean;
  /** It won't be dropped early when the table is full. */
  readonly assured: boolean;
  readonly sourceTranslated: boolean;
  readonly destinationTranslated: boolean;
  /** Seconds until it is forgotten. The end of an entry does not say it. */
  readonly timeoutSeconds: number | undefined;
  /** Undefined for protocols without states, and at the end of an entry before Linux 5.13. */
  readonly state: (typeof TCP_STATES)[number] | (typeof SCTP_STATES)[number] | undefined;
  /** TCP: the direction of the first FIN, once there was one. */
  readonly closedFirst: 'original' | 'reply' | undefined;
  /** Where the namespace counts (sysctl net.netfilter.nf_conntrack_acct); `new` and `update` never say it. */
  readonly counters: { readonly original: ConntrackCounters; readonly reply: ConntrackCounters } | undefined;
}

/** `new`: its first packet has left the namespace, or reached a socket in it; what is dropped before is never told. */
export interface ConntrackEvent {
  readonly kind: 'new' | 'update' | 'destroy';
  readonly entry: ConntrackEntry;
}
