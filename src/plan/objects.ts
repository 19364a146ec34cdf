/**
 * Kernel objects as plain data: what the plan wants and what the kernel is observed to have are the same shapes, so a
 * diff is a comparison and a plan can stand in for an observation.
 */
import type { Ipv4Address, Protocol } from '../cluster/state.js';
import type { Scheduler } from '../cluster/policy.js';

/** A place is one network namespace: the host's own, our two, and each local task's. */
export type Place = 'host' | 'sandbox' | 'fabric' | `task:${string}`;

export type MacAddress = string;

/** An end of a veth pair. Exactly one end owns the pair: its reconciler makes both ends in one message. */
export interface VethLink {
  readonly kind: 'veth';
  readonly name: string;
  readonly mac: MacAddress;
  readonly mtu: number;
  /** Bridge that this end is a port of. */
  readonly master?: string;
  readonly peer: { readonly place: Place; readonly name: string };
  readonly owner: boolean;
}

export interface BridgeLink {
  readonly kind: 'bridge';
  readonly name: string;
  readonly mac: MacAddress;
  readonly mtu: number;
}

/** Tunnel to other nodes. Nothing is learned: neighbours and forwarding entries say who is where. */
export interface VxlanLink {
  readonly kind: 'vxlan';
  readonly name: string;
  readonly mac: MacAddress;
  readonly mtu: number;
  /** VXLAN network identifier, 24 bits. */
  readonly id: number;
  /** UDP port, of both ends. */
  readonly port: number;
  /** This node's address on the underlay. */
  readonly local: Ipv4Address;
  /** Where its UDP socket lives: what is sent leaves by that place's routes. */
  readonly underlay: Place;
}

/** Always up. */
export type Link = VethLink | BridgeLink | VxlanLink;

export interface Address {
  readonly device: string;
  readonly address: Ipv4Address;
  readonly prefixLength: number;
}

export interface Route {
  /** CIDR; `0.0.0.0/0` is the default route. */
  readonly destination: string;
  readonly table: number;
  readonly device: string;
  readonly via?: Ipv4Address;
  /** The gateway is reached on the device although no address of its subnet is on it. */
  readonly onlink?: boolean;
  readonly source?: Ipv4Address;
}

/** Policy routing rule (ip-rule(8)). All of ours say where they apply: by source address, by source port, or by mark. */
export interface RoutingRule {
  readonly priority: number;
  readonly table: number;
  readonly from?: Ipv4Address;
  readonly mark?: { readonly value: number; readonly mask: number };
  /** `ipproto udp sport 53` (Linux 4.17 and later). */
  readonly sourcePort?: { readonly protocol: Protocol; readonly port: number };
  /** Routes of this prefix length and shorter don't count: 0 passes over the default route. */
  readonly suppressPrefixLength?: number;
}

/** Permanent neighbour entry. */
export interface Neighbour {
  readonly device: string;
  readonly address: Ipv4Address;
  readonly mac: MacAddress;
}

/** Permanent forwarding entry of a VXLAN device: behind which node a hardware address is. */
export interface ForwardingEntry {
  readonly device: string;
  readonly mac: MacAddress;
  /** The node's address on the underlay. */
  readonly destination: Ipv4Address;
}

/** A file under /proc/sys, without that prefix: `net/ipv4/ip_forward`. */
export interface Sysctl {
  readonly path: string;
  readonly value: string;
  /** True: a kernel without this file is fine (IPv6 compiled out, IPVS option of another version). */
  readonly optional?: boolean;
}

/** IPVS destination (real server), forwarding method masquerading. */
export interface Destination {
  readonly address: Ipv4Address;
  readonly port: number;
  readonly weight: number;
}

/** IPVS virtual service by firewall mark. */
export interface VirtualService {
  readonly fwmark: number;
  readonly scheduler: Scheduler;
  readonly affinitySeconds: number | null;
  /** Each datagram is scheduled for itself (IP_VS_SVC_F_ONEPACKET); UDP only. */
  readonly onePacket: boolean;
  readonly destinations: readonly Destination[];
}

/** IPVS's connection timeouts in seconds (ipvsadm --set). */
export interface IpvsTimeouts {
  readonly tcp: number;
  readonly tcpFin: number;
  readonly udp: number;
}

/** What rules ask about ports and addresses in one step, however many there are (ipset(8)). */
export interface KernelSet {
  readonly name: string;
  /** Ports of one protocol; endpoints; addresses. */
  readonly type: 'bitmap:port' | 'hash:ip,port' | 'hash:ip';
  /** Each member brings the mark that its packets get. */
  readonly marked: boolean;
  readonly members: readonly SetMember[];
}

/** What its set's type has of these. */
export interface SetMember {
  readonly address?: Ipv4Address;
  readonly protocol?: Protocol;
  readonly port?: number;
  readonly mark?: number;
}

/** A socket that holds a published port, so that no other program of the node takes it by mistake. */
export interface Placeholder {
  readonly protocol: Protocol;
  readonly port: number;
}
