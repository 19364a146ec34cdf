/**
 * What a place is observed to hold: the plan's own shapes, widened only by what a plan can't say (a link that is down,
 * a route of somebody else's make). A plan can stand in for an observation: `stateOfPlan`.
 */
import type { Route as KernelRoute, Rule as KernelRule, ServiceKey } from '../../native/index.js';
import type { GuestRule, OwnedChain } from '../plan/iptables.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Address, Destination, ForwardingEntry, IpvsTimeouts, KernelSet, Link, Neighbour, Placeholder, Place, Route, RoutingRule, VirtualService, VxlanLink } from '../plan/objects.js';
import type { Kind } from './change.js';

export interface ObservedNamespace {
  readonly present: boolean;
  /** Loopback comes down with a new namespace; without it a namespace can't answer from its own addresses. */
  readonly loopbackUp: boolean;
}

export interface ObservedLink {
  readonly name: string;
  /** The kernel's word (IFLA_INFO_KIND): `veth`, `bridge`, `dummy`; empty for none. */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly master: string | null;
  readonly up: boolean;
  /** The other end of a veth pair, when it is the one that the plan pairs it with; null when it is not. */
  readonly peer: { readonly place: Place; readonly name: string } | null;
  /** Of a VXLAN device; `underlay: null`: its UDP socket is in a namespace that is no place of ours. */
  readonly vxlan: ObservedVxlan | null;
}

export interface ObservedVxlan extends Pick<VxlanLink, 'id' | 'port' | 'local'> {
  readonly underlay: Place | null;
  readonly learning: boolean;
}

/** `odd`: set up as no plan of ours does (another UDP port or network identifier than the device's, or it would age and go). */
export type ObservedForwardingEntry = ForwardingEntry & { readonly odd?: boolean };
/** `raw`: a route that no plan can mean (blackhole, metric, multipath, …), with all that deleting it takes. */
export type ObservedRoute = Route & { readonly raw?: KernelRoute };
/** `raw`: a rule that no plan can mean (by interface, inverted, …). */
export type ObservedRule = RoutingRule & { readonly raw?: KernelRule };

export interface ObservedSysctl {
  readonly path: string;
  /** Null: this kernel has no such file here. */
  readonly value: string | null;
}

/** `odd`: set up as no plan of ours does (other forwarding method, thresholds, flags). */
export type ObservedDestination = Destination & { readonly odd?: boolean };
export interface ObservedVirtualService extends Omit<VirtualService, 'fwmark' | 'scheduler' | 'destinations'> {
  readonly key: ServiceKey;
  readonly scheduler: string;
  readonly odd?: boolean;
  readonly destinations: readonly ObservedDestination[];
}
/** Null: IPVS is none of this place's business. */
export type ObservedIpvs = { readonly services: readonly ObservedVirtualService[]; readonly timeouts: IpvsTimeouts | null } | null;

/** `odd`: made with options that no plan of ours has. `type`: any of ipset(8)'s. A mark that leaves bits alone is negative. */
export interface ObservedSet extends Omit<KernelSet, 'type'> {
  readonly type: string;
  readonly odd?: boolean;
}

export interface ObservedChain extends Omit<OwnedChain, 'policy'> {
  /** Null: user-defined. */
  readonly policy: string | null;
}
export interface ObservedGuest extends GuestRule {
  readonly copies: number;
  /** It stands where its placement says. */
  readonly placed: boolean;
}
export interface ObservedIptables {
  /** Chains that are ours (or would have to be), empty built-in ones left out unless the plan has them. */
  readonly chains: readonly ObservedChain[];
  readonly guests: readonly ObservedGuest[];
}

export interface StateByKind {
  readonly namespace: ObservedNamespace;
  readonly link: readonly ObservedLink[];
  readonly sysctl: readonly ObservedSysctl[];
  readonly address: readonly Address[];
  readonly neighbour: readonly Neighbour[];
  readonly fdb: readonly ObservedForwardingEntry[];
  readonly route: readonly ObservedRoute[];
  readonly rule: readonly ObservedRule[];
  readonly ipvs: ObservedIpvs;
  /** Those of our names. */
  readonly set: readonly ObservedSet[];
  readonly iptables: ObservedIptables;
  readonly placeholder: readonly Placeholder[];
}

export type PlaceState = { readonly place: Place } & { readonly [K in Kind]: StateByKind[K] };

/** A place that is not there, or holds nothing. */
export function emptyState(place: Place): PlaceState {
  return {
    place,
    namespace: { present: false, loopbackUp: false },
    link: [],
    sysctl: [],
    address: [],
    neighbour: [],
    fdb: [],
    route: [],
    rule: [],
    ipvs: null,
    set: [],
    iptables: { chains: [], guests: [] },
    placeholder: [],
  };
}

/** What would be observed if the plan were applied and nobody had touched anything. */
export function stateOfPlan(plan: PlacePlan): PlaceState {
  return {
    place: plan.place,
    namespace: { present: true, loopbackUp: true },
    link: plan.links.map(stateOfLink),
    sysctl: plan.sysctls.map(({ path, value }) => ({ path, value })),
    address: plan.addresses,
    neighbour: plan.neighbours,
    fdb: plan.forwarding,
    route: plan.routes,
    rule: rulesOf(plan),
    ipvs: usesIpvs(plan)
      ? {
          services: plan.virtualServices.map(({ fwmark, ...service }) => ({ ...service, key: { kind: 'fwmark', family: 'inet', fwmark } })),
          timeouts: plan.ipvsTimeouts,
        }
      : null,
    set: plan.sets,
    iptables: {
      chains: plan.iptables.chains.map((chain) => ({ ...chain, policy: chain.policy ?? null })),
      guests: plan.iptables.guests.map((guest) => ({ ...guest, copies: 1, placed: true })),
    },
    placeholder: plan.placeholders,
  };
}

/** fib_default_rules_init() of net/ipv4/fib_rules.c: local, main, default. */
const defaultRules: readonly RoutingRule[] = [
  { priority: 0, table: 255 },
  { priority: 32766, table: 254 },
  { priority: 32767, table: 253 },
];

/** The plan's rules; in our own namespaces with those that the kernel makes at their birth. */
export function rulesOf(plan: PlacePlan): readonly RoutingRule[] {
  return plan.namespace?.named === true ? [...defaultRules, ...plan.rules] : plan.rules;
}

export function usesIpvs(plan: PlacePlan): boolean {
  return plan.ipvsTimeouts !== null || plan.virtualServices.length > 0;
}

function stateOfLink(link: Link): ObservedLink {
  return {
    name: link.name,
    kind: link.kind,
    mac: link.mac,
    mtu: link.mtu,
    master: link.kind === 'veth' ? (link.master ?? null) : null,
    up: true,
    peer: link.kind === 'veth' ? link.peer : null,
    vxlan: link.kind === 'vxlan' ? { id: link.id, port: link.port, local: link.local, underlay: link.underlay, learning: false } : null,
  };
}
