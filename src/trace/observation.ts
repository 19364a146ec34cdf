/** What is read of this node for a trace: the kernel's own objects by the names that people know, and who they belong to. */
import type { Rule as RoutingRule, ServiceKey } from '../../native/index.js';
import type { ClusterState } from '../cluster/state.js';
import type { IptablesLook } from '../kernel/iptables/look.js';
import type { Address, ForwardingEntry, MacAddress, Place } from '../plan/objects.js';
import type { Settings } from '../settings.js';
import type { SeenSets } from './rules/sets.js';

export interface SeenDevice {
  readonly name: string;
  /** The kernel's word: `veth`, `bridge`, `vxlan`; empty for hardware and loopback. */
  readonly kind: string;
  /** Brought up by whoever it belongs to. */
  readonly isUp: boolean;
  /** Up, and whatever it is plugged into is too. */
  readonly isRunning: boolean;
  readonly mac: MacAddress | null;
  /** Bridge that it is a port of. */
  readonly master: string | null;
  /** Of a veth: its other end, where that is in a place that we look at. */
  readonly peer: { readonly place: Place; readonly device: string } | null;
  /** Of a VXLAN: the place that its UDP socket is in, where that is one of ours. */
  readonly underlay: Place | null;
}

export interface SeenRoute {
  readonly destination: string;
  readonly table: number;
  /** rtnetlink's word: `unicast`, `local`, `blackhole`, … */
  readonly type: string;
  /** Null for types that lead nowhere. */
  readonly device: string | null;
  readonly via: string | null;
  readonly metric: number;
}

export interface SeenNeighbour {
  readonly device: string;
  readonly address: string;
  /** Null while it is not known. */
  readonly mac: MacAddress | null;
  /** rtnetlink's word: `permanent`, `reachable`, `failed`, … */
  readonly state: string;
}

export interface SeenNetwork {
  readonly devices: readonly SeenDevice[];
  readonly addresses: readonly Address[];
  readonly routes: readonly SeenRoute[];
  /** In the order in which they are asked. */
  readonly rules: readonly RoutingRule[];
  readonly neighbours: readonly SeenNeighbour[];
  readonly forwarding: readonly ForwardingEntry[];
  /** By path under /proc/sys; those that were asked for and are there. */
  readonly sysctls: Readonly<Record<string, string>>;
}

export interface SeenPlace {
  readonly place: Place;
  /** Words before a command that is to be run there: none in the host. */
  readonly enter: readonly string[];
  /** What people call it: `host`, `mesh_sbox`. */
  readonly name: string;
  readonly network: SeenNetwork;
  readonly iptables: IptablesLook;
  /** Those of our names. */
  readonly sets?: SeenSets;
}

/** A namespace that a cable of the fabric leads to. Its own iptables are its owner's business. */
export interface SeenTask extends Omit<SeenPlace, 'iptables' | 'sets'> {
  /** The fabric's end of its cable. */
  readonly cable: string;
  /** Its own end. */
  readonly device: string;
  /** `protocol/number` of all sockets that listen in it. */
  readonly listening: ReadonlySet<string>;
}

export interface SeenRealServer {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly active: number;
  readonly inactive: number;
}

export interface SeenVirtualService {
  readonly key: ServiceKey;
  readonly scheduler: string;
  /** Null: each connection is scheduled for itself. */
  readonly persistenceSeconds: number | null;
  readonly onePacket: boolean;
  /** Since its statistics were last zeroed. */
  readonly connections: bigint;
  readonly servers: readonly SeenRealServer[];
}

export interface Observation {
  readonly settings: Pick<Settings, 'names' | 'reservedPorts'>;
  readonly host: SeenPlace;
  /** Null: there is no such namespace. */
  readonly sandbox: SeenPlace | null;
  readonly fabric: SeenPlace | null;
  readonly tasks: readonly SeenTask[];
  /** Of the sandbox; a text: why it can't be read. */
  readonly ipvs: readonly SeenVirtualService[] | string;
  /** Programs that listen on the port in the host, other than dockerd and a controller of ours: `nginx (pid 123)`. */
  readonly programs: readonly string[];
  /** Process id of the controller that runs on this node; null: none does. */
  readonly controller: number | null;
  /** As a controller last saved it; only names are taken from it. Null: nothing was saved. */
  readonly cluster: ClusterState | null;
}
