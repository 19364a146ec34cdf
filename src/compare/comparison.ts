/** What a comparison is made of. These names are the JSON of `routemesh compare --json`: they stay. */
import type { PortKey } from '../plan/fwmark.js';
import type { Answering } from './answering.js';
import type { MeshPort } from './mesh-port.js';
import type { OfEach, SeenSandbox } from './observation.js';

/** One thing that both meshes have, or could have, as a person would write it. Null: not there. */
export interface Fact {
  readonly what: string;
  readonly routemesh: string | null;
  readonly dockerd: string | null;
  /** Why they differ, in one sentence; null: they are alike, or the port is in one mesh alone, which says it all. */
  readonly why: string | null;
}

export interface ComparedPort {
  readonly port: PortKey;
  /** Who publishes it; null where nobody here knows. */
  readonly service: string | null;
  /** Whose DNAT is there. `neither`: last connections of a port that is closed. */
  readonly servedBy: 'both' | 'routemesh' | 'dockerd' | 'neither';
  /** Whose DNAT a client's packet meets first. */
  readonly answering: Answering;
  /** Why one mesh alone has it, or another than routemesh answers; null: both have it and ours answers. */
  readonly why: string | null;
  /** Do both send new connections to the same tasks? Null where that is no question, or can't be told. */
  readonly sameServers: boolean | null;
  readonly facts: readonly Fact[];
  readonly meshes: OfEach<MeshPort>;
}

export interface Verdict {
  readonly both: number;
  readonly onlyRoutemesh: number;
  readonly onlyDockerd: number;
  /** Ports that both serve, with different real servers. */
  readonly different: readonly PortKey[];
}

export interface Comparison {
  /** The meshes' own names: chain, and namespace file of the sandbox; null where there is none. */
  readonly meshes: OfEach<{ readonly chain: string; readonly sandbox: string | null }>;
  readonly host: readonly Fact[];
  readonly sandbox: readonly Fact[];
  readonly ports: readonly ComparedPort[];
  readonly verdict: Verdict;
  /** Addresses, settings, timeouts as they were read; rules are left out, `iptables-save` prints them. */
  readonly sandboxes: OfEach<Pick<SeenSandbox, 'path' | 'addresses' | 'sysctls' | 'timeouts'> | null>;
}

/** `why` is told only where the two differ. */
export function fact(what: string, routemesh: string | null, dockerd: string | null, why: string): Fact {
  return { what, routemesh, dockerd, why: routemesh === dockerd ? null : why };
}
