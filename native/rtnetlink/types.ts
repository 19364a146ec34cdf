/** The objects of rtnetlink as the rest of the house sees them. Links are named by their index (unique in one namespace) or their name. */

import type { AddressFamily, IpAddress, IpPrefix, MacAddress } from '../inet.js';
import type { NetworkNamespace } from '../netns.js';

/** A link by its index or its name. Only link builders take names: everything else in the kernel refers by index. */
export type LinkReference = number | string;

/** RFC 2863 state (IF_OPER_*, linux/if.h). */
export type OperationalState = 'unknown' | 'notpresent' | 'down' | 'lowerlayerdown' | 'testing' | 'dormant' | 'up';

/** A network device as a dump shows it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND: "veth", "bridge", "vxlan", "dummy", …; undefined for hardware and loopback. */
  readonly kind: string | undefined;
  /** Administratively up (IFF_UP). */
  readonly isUp: boolean;
  /** IFF_* bits (linux/if.h). */
  readonly flags: number;
  readonly operationalState: OperationalState;
  /** Undefined when the device has none, or one that is not six bytes long. */
  readonly macAddress: MacAddress | undefined;
  readonly mtu: number;
  /** IFLA_IFALIAS: a free text, at most 255 bytes. */
  readonly alias: string | undefined;
  /** Index of the bridge (or other master) that it is a port of. */
  readonly masterIndex: number | undefined;
  /** IFLA_LINK: index of a veth's peer or a tunnel's lower device; in the namespace `peerNamespaceId` when that is given. */
  readonly peerIndex: number | undefined;
  /** IFLA_LINK_NETNSID: see RouteNetlink.namespaceId(). */
  readonly peerNamespaceId: number | undefined;
  readonly vxlan: VxlanSettings | undefined;
}

/** IFLA_VXLAN_* (linux/if_link.h). */
export interface VxlanSettings {
  /** VNI, 24 bits. */
  readonly id: number;
  /** UDP destination port. */
  readonly port: number;
  readonly local: IpAddress | undefined;
  /** Default remote or multicast group. */
  readonly remote: IpAddress | undefined;
  readonly learning: boolean;
  /** Index of the underlay device. */
  readonly lowerLinkIndex: number | undefined;
  /** 0: the kernel's choice. */
  readonly ttl: number;
  readonly proxy: boolean;
  readonly l2miss: boolean;
  readonly l3miss: boolean;
  readonly udpChecksum: boolean;
}

/** What every new link can be given. Not an alias: the kernel drops it without a word (rtnl_newlink_create()); change the link afterwards. */
export interface NewLink {
  readonly name: string;
  readonly macAddress?: MacAddress | undefined;
  readonly mtu?: number | undefined;
  readonly masterIndex?: number | undefined;
  readonly isUp?: boolean | undefined;
  /** Born in this namespace instead of the socket's. */
  readonly namespace?: NetworkNamespace | undefined;
}

export interface NewVeth extends NewLink {
  /**
   * The other end; without a namespace it is born beside the first. It is born down, whatever is asked (veth_open() in
   * drivers/net/veth.c refuses to be up while it has no peer): bring it up in its own namespace.
   */
  readonly peer: Omit<NewLink, 'masterIndex' | 'isUp'>;
}

export interface NewVxlan extends NewLink {
  readonly id: number;
  readonly port: number;
  readonly local?: IpAddress | undefined;
  readonly remote?: IpAddress | undefined;
  /** Default false: nothing is learned, every entry is written. */
  readonly learning?: boolean | undefined;
  readonly lowerLinkIndex?: number | undefined;
  readonly ttl?: number | undefined;
  readonly udpChecksum?: boolean | undefined;
}

/** Changes to a link; what is left out stays. `masterIndex: 0` takes it out of its master, `alias: ''` clears it. */
export interface LinkChange {
  /** Refused with EBUSY while the link is up, before Linux 6.2: take it down in a message before. */
  readonly name?: string | undefined;
  readonly macAddress?: MacAddress | undefined;
  readonly mtu?: number | undefined;
  readonly alias?: string | undefined;
  readonly masterIndex?: number | undefined;
  readonly isUp?: boolean | undefined;
  /** Moves it there (with `name`: under that name, in the same step). Everything but its hardware address, MTU, alias and kind is lost on the way: it arrives down, without addresses. */
  readonly namespace?: NetworkNamespace | undefined;
}

/** rtm_scope / ifa_scope; a number for other values. */
export type Scope = 'global' | 'site' | 'link' | 'host' | 'nowhere' | number;

export interface Address {
  readonly linkIndex: number;
  /** With its prefix length: "172.30.0.1/24". */
  readonly address: IpPrefix;
  /** The other end's, on a point-to-point link, when it differs. */
  readonly peer?: IpPrefix | undefined;
  readonly broadcast?: IpAddress | undefined;
  readonly scope: Scope;
  readonly label?: string | undefined;
  /** IFA_F_* bits (linux/if_addr.h). */
  readonly flags: number;
}

/** What `addAddress` needs: scope defaults to global, flags to none. */
export type NewAddress = Pick<Address, 'linkIndex' | 'address'> & Partial<Address>;

/** rtm_type; a number for rarer ones. */
export type RouteType = 'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw' | number;

/** One next hop of a multipath route. */
export interface NextHop {
  readonly linkIndex: number;
  readonly gateway: IpAddress | undefined;
  readonly onlink: boolean;
  /** 1–256. */
  readonly weight: number;
}

export interface Route {
  /** "10.0.0.5/32"; the default route is "0.0.0.0/0" or "::/0". */
  readonly destination: IpPrefix;
  /** 254 is main, 255 local, 253 default. */
  readonly table: number;
  readonly type: RouteType;
  readonly scope: Scope;
  /** RTPROT_*: 2 kernel, 3 boot, 4 static, others are their owners' marks (linux/rtnetlink.h). */
  readonly protocol: number;
  readonly gateway: IpAddress | undefined;
  readonly linkIndex: number | undefined;
  /** Preferred source address. */
  readonly source: IpAddress | undefined;
  readonly metric: number | undefined;
  /** The gateway is taken as reachable on the link although no route says so (RTNH_F_ONLINK). */
  readonly onlink: boolean;
  /** Multipath only (then gateway and linkIndex are undefined). */
  readonly nextHops: readonly NextHop[] | undefined;
}

/** What `addRoute` needs. Defaults: table 254, unicast, protocol 4 (static), scope as iproute2 chooses it, no onlink. */
export type NewRoute = Pick<Route, 'destination'> & Partial<Route>;

/** FR_ACT_* (linux/fib_rules.h). */
export type RuleAction = 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit' | number;

/** A policy routing rule. */
export interface Rule {
  readonly family: AddressFamily;
  readonly priority: number;
  readonly action: RuleAction;
  /** Table of a lookup. */
  readonly table: number | undefined;
  readonly from: IpPrefix | undefined;
  readonly to: IpPrefix | undefined;
  readonly inputInterface: string | undefined;
  readonly outputInterface: string | undefined;
  readonly fwmark: number | undefined;
  /** 0xffffffff when every bit counts. */
  readonly fwmask: number | undefined;
  /** FRA_PROTOCOL: who wrote it, as a route's protocol; 0 when it says nothing. */
  readonly protocol: number;
  /** Routes with a prefix of this length or shorter don't count. */
  readonly suppressPrefixLength: number | undefined;
  /** IP protocol number (linux/in.h): 6 tcp, 17 udp, 132 sctp. */
  readonly ipProtocol: number | undefined;
  readonly sourcePorts: PortRange | undefined;
  readonly destinationPorts: PortRange | undefined;
  readonly isInverted: boolean;
}

/** struct fib_rule_port_range (linux/fib_rules.h): both ends belong to it. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** What `addRule` needs: family defaults to that of from/to, else inet; action to lookup. */
export type NewRule = Pick<Rule, 'priority'> & Partial<Rule>;

/** NUD_* (linux/neighbour.h); a number for combinations. */
export type NeighbourState =
  | 'none' | 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'failed' | 'noarp' | 'permanent' | number;

/** An entry of the ARP or neighbour table. */
export interface Neighbour {
  readonly linkIndex: number;
  readonly address: IpAddress;
  readonly macAddress: MacAddress | undefined;
  readonly state: NeighbourState;
  /** NDA_PROTOCOL; 0 when it says nothing. */
  readonly protocol: number;
  /** NTF_* bits. */
  readonly flags: number;
}

/** State defaults to permanent. */
export type NewNeighbour = Pick<Neighbour, 'linkIndex' | 'address'> & Partial<Neighbour>;

/** An entry of a bridge's or VXLAN device's forwarding database. */
export interface ForwardingEntry {
  readonly linkIndex: number;
  /** "00:00:00:00:00:00" is a VXLAN's default entry. */
  readonly macAddress: MacAddress;
  /** VXLAN: the peer's underlay address. */
  readonly destination: IpAddress | undefined;
  readonly state: NeighbourState;
  /** The device's own table (NTF_SELF), else its bridge's. */
  readonly isSelf: boolean;
  readonly masterIndex: number | undefined;
  readonly vlan: number | undefined;
  /** VXLAN: another UDP port than the device's. */
  readonly port: number | undefined;
  /** VXLAN: another VNI than the device's. */
  readonly vni: number | undefined;
}

/** State defaults to permanent, isSelf to true. */
export type NewForwardingEntry = Pick<ForwardingEntry, 'linkIndex' | 'macAddress'> & Partial<ForwardingEntry>;
