/**
 * What the cluster wants: nodes, services with their published ports and policy, tasks with their identity.
 * Every source (docker, file, later relay) ends in a `ClusterState`; `plan/` reads nothing else of the cluster.
 *
 * Lists are sorted by id, so that two equal states are deeply equal.
 */
import type { Condition } from './condition.js';
import type { PortPolicy } from './policy.js';

/** Transport protocols that Swarm can publish and IPVS can balance. */
export const protocols = ['tcp', 'udp', 'sctp'] as const;
export type Protocol = (typeof protocols)[number];

/** Dotted-quad IPv4 address, canonical form (no leading zeros). */
export type Ipv4Address = string;

/** A host that runs the controller; every node accepts every published port. */
export interface ClusterNode {
  readonly id: string;
  readonly name: string;
  /** Address of the node on the underlay. */
  readonly address: Ipv4Address;
  /** False once the cluster calls the node down: its tasks are gone. */
  readonly ready: boolean;
}

/** Who published a port: Swarm (dockerd has its own ingress for it too), a `routemesh.publish` label, or the file source. */
export type PublishedBy = 'swarm' | 'label' | 'file';

export interface PublishedPort {
  readonly protocol: Protocol;
  /** 1–65535: the number that clients connect to. */
  readonly published: number;
  /** 1–65535: the number that the task listens on. */
  readonly target: number;
  readonly publishedBy: PublishedBy;
  readonly policy: PortPolicy;
}

export interface Service {
  readonly id: string;
  readonly name: string;
  /** RFC 3339; the older of two services keeps a port that both want. */
  readonly createdAt: string;
  /** Sorted by protocol, then published number. */
  readonly ports: readonly PublishedPort[];
  /** The service is gone (or left to dockerd) and only its last connections are kept: its ports are open to any other. */
  readonly removed?: boolean;
  /** Swarm publishes it, but its tasks' identities are on another overlay than ingress (`routemesh.network`): dockerd's rules for ingress addresses don't touch what is sent to them. */
  readonly besideIngress?: true;
}

/** The address by which the whole cluster knows a task, with the prefix length of the network that it comes from. */
export interface Identity {
  readonly address: Ipv4Address;
  readonly prefixLength: number;
}

/** One backend. A task that takes no connections at all (dead, not begun, node down) is not in the state. */
export interface Task {
  readonly id: string;
  /** What people call it: `web.1`, `web.<node>` for a global service. */
  readonly name: string;
  readonly serviceId: string;
  readonly nodeId: string;
  readonly identity: Identity;
  /** 0: drained (running, but no longer desired), or not yet running (`starting`). 1 and more: its share of new connections. */
  readonly weight: number;
  /** It is about to run, and has weight 0. The way to it can be laid, so that only its real server is left to be added once it does. */
  readonly starting?: true;
  /** File source only: the task's network namespace, a name under /run/netns or an absolute path. Docker's are found on the task's own node. */
  readonly namespace?: string;
}

export interface ClusterState {
  readonly nodes: readonly ClusterNode[];
  readonly services: readonly Service[];
  readonly tasks: readonly Task[];
  /** What the source had to refuse (labels, networks), each on its service. */
  readonly conditions: readonly Condition[];
}

export const emptyClusterState: ClusterState = { nodes: [], services: [], tasks: [], conditions: [] };
