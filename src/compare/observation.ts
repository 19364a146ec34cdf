/** What is read of this node's two meshes: the same things of each, from the kernel. */
import type { PublishingService } from '../cluster/docker/publications.js';
import type { Condition } from '../cluster/condition.js';
import type { ClusterState } from '../cluster/state.js';
import type { IptablesLook } from '../kernel/iptables/look.js';
import type { Address, IpvsTimeouts } from '../plan/objects.js';
import type { Settings } from '../settings.js';
import type { SeenPlace, SeenVirtualService } from '../trace/observation.js';
import type { SeenSets } from '../trace/rules/sets.js';

export const meshNames = ['routemesh', 'dockerd'] as const;
export type MeshName = (typeof meshNames)[number];

/** One value of each mesh. */
export type OfEach<T> = Readonly<Record<MeshName, T>>;

export interface SeenSandbox {
  /** Its file. */
  readonly path: string;
  readonly addresses: readonly Address[];
  /** By path under /proc/sys: forwarding, and all of net/ipv4/vs. */
  readonly sysctls: Readonly<Record<string, string>>;
  readonly iptables: IptablesLook;
  /** Those of our names. */
  readonly sets?: SeenSets;
  /** A text: why IPVS can't be read. */
  readonly ipvs: readonly SeenVirtualService[] | string;
  /** Null where IPVS can't be read. */
  readonly timeouts: IpvsTimeouts | null;
}

export interface Observation {
  readonly settings: Pick<Settings, 'names'>;
  readonly host: SeenPlace;
  /** Null: there is no such namespace. */
  readonly sandboxes: OfEach<SeenSandbox | null>;
  /** Process id of the controller that runs on this node; null: none does. */
  readonly controller: number | null;
  /** As a controller last saved it: names, and who publishes what. Null: nothing was saved. */
  readonly cluster: ClusterState | null;
  /** Of the running controller: what it refuses, and why. */
  readonly conditions: readonly Condition[];
  /** What Docker is asked to publish, with the labels that leave it to dockerd; null: this node's Docker can't say (a worker's, or none). */
  readonly docker: readonly PublishingService[] | null;
}
