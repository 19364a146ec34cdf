/**
 * Names, subnets and intervals that the plan and the controller go by. `configuration/` reads them from flags,
 * environment and the configuration file; the defaults are the ones of the documentation.
 */
import type { LogOptions } from './log.js';

/** Where the cluster state is read from. */
export type SourceSettings =
  | { readonly kind: 'docker'; /** Unix socket of the node's dockerd. */ readonly socket: string }
  | { readonly kind: 'file'; /** YAML file of nodes, services and endpoints. */ readonly path: string };

export interface Settings {
  readonly source: SourceSettings;
  /** Unix socket on which a manager's dockerd tells changes of tasks. */
  readonly swarmSocket: string;
  /** Name or id of this node in the file source; null: the host's name. Docker knows by itself which node it is. */
  readonly node: string | null;
  /** Names of our objects in the kernel. */
  readonly names: {
    /** Network namespace of IPVS. */
    readonly sandbox: string;
    /** Network namespace of the router between sandbox, tasks and peers. */
    readonly fabric: string;
    /** Bridge between host and sandbox. */
    readonly gatewayBridge: string;
    /** iptables chain of ours in the host's nat and filter tables. */
    readonly chain: string;
  };
  /** Subnet of the gateway bridge: first address the host's, second the sandbox's. */
  readonly gatewaySubnet: string;
  /** `protocol/number` of ports that are never taken from the node: ssh's, Swarm's, our own. */
  readonly reservedPorts: readonly string[];
  /** From so many published ports on, rules ask sets and not port by port; null: never. */
  readonly setsFrom: number | null;
  /** Full look at the kernel when nothing has happened, in milliseconds. */
  readonly resyncMilliseconds: number;
  /** How long after its last answer a peer gets no new connections, in milliseconds. */
  readonly peerTimeoutMilliseconds: number;
  /** Folder of what must outlive a restart of the controller. */
  readonly stateFolder: string;
  /** Unix socket that `status` and others ask. */
  readonly controlSocket: string;
  /** Where the page that draws the mesh is served; null: nowhere. */
  readonly ui: ListenAddress | null;
  /** How managers tell the other nodes of the cluster. */
  readonly relay: RelaySettings;
  /** Where metrics and health are told over TCP; null: nowhere but on the control socket. */
  readonly metrics: ListenAddress | null;
  readonly log: LogOptions;
}

export interface ListenAddress {
  /** IPv4. */
  readonly address: string;
  readonly port: number;
}

export interface RelaySettings {
  /** TCP port on which managers serve; the same on every node. */
  readonly port: number;
  /** IPv4 address on which this node serves while it is a manager; null: the one by which Swarm knows it. */
  readonly address: string | null;
  /** PEM files instead of Swarm's own, as an autolocked manager needs them; null: Swarm's. */
  readonly certificates: { readonly certificate: string; readonly key: string; readonly authority: string } | null;
}

export const defaultSettings: Settings = {
  source: { kind: 'docker', socket: '/var/run/docker.sock' },
  swarmSocket: '/run/docker/swarm/control.sock',
  node: null,
  names: { sandbox: 'mesh_sbox', fabric: 'mesh_fabric', gatewayBridge: 'mesh_gwbridge', chain: 'MESH-INGRESS' },
  gatewaySubnet: '172.30.0.0/24',
  reservedPorts: ['tcp/22', 'tcp/2377', 'tcp/7946', 'udp/7946', 'udp/4789', 'tcp/4798', 'udp/4798'],
  setsFrom: 64,
  resyncMilliseconds: 10_000,
  peerTimeoutMilliseconds: 1_000,
  stateFolder: '/var/lib/routemesh',
  controlSocket: '/run/routemesh/control.sock',
  ui: null,
  relay: { port: 4798, address: null, certificates: null },
  metrics: null,
  log: { level: 'info', format: 'auto' },
};
