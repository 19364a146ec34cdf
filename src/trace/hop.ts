/** What a trace is made of. These names are the JSON of `routemesh trace --json`: they stay. */
import type { Counters } from '../kernel/iptables/document.js';
import type { Step } from './rules/walk.js';

export type HopPlace = 'host' | 'sandbox' | 'fabric' | 'task' | 'peer';

/** `<table> <CHAIN>` for rules. */
export type HopStep = `${string} ${Uppercase<string>}` | 'namespace' | 'rules' | 'forwarding' | 'route' | 'cable' | 'address' | 'ipvs' | 'neighbour' | 'fdb' | 'tunnel' | 'node' | 'reply';

export interface HopCounters {
  readonly packets: number;
  readonly bytes: number;
}

/** A rule that the packet meets. */
export interface MetRule {
  readonly chain: string;
  /** As `iptables -L --line-numbers` counts; null for the chain's policy. */
  readonly number: number | null;
  /** How many chains deep. */
  readonly depth: number;
  /** As iptables-save prints it. */
  readonly rule: string;
  readonly outcome: Step['outcome'];
  readonly counters: HopCounters | null;
}

export interface Hop {
  readonly place: HopPlace;
  /** What people call the place: `host`, `mesh_sbox`, a task's name. */
  readonly name: string;
  readonly step: HopStep;
  /** `unknown`: it goes on, probably; a rule on the way can't be decided from here. */
  readonly outcome: 'passes' | 'unknown' | 'ends';
  /** One line: what becomes of the packet here. */
  readonly what: string;
  /** Rules in the order in which they are met. */
  readonly rules: readonly MetRule[];
  /** Of the rule that decides; null where nothing counts. */
  readonly counters: HopCounters | null;
  readonly notes: readonly string[];
  /** Commands that show the same by hand. */
  readonly commands: readonly string[];
  /** Where it ends: why, and what would repair it. */
  readonly why: string | null;
  readonly remedy: string | null;
}

/** Why a packet goes no further, and what would repair it. */
export interface End {
  readonly why: string;
  readonly remedy: string;
}

export interface Branch {
  /** The real server. */
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  readonly active: number;
  readonly inactive: number;
  /** By the saved cluster state; null where it does not know. */
  readonly task: string | null;
  readonly service: string | null;
  readonly node: string | null;
  /** `drained`: weight 0, no new connections. */
  readonly outcome: 'reaches' | 'ends' | 'drained';
  readonly hops: readonly Hop[];
}

export interface Verdict {
  /** Does the way lead to at least one task, and its answer back? */
  readonly reaches: boolean;
  /** False: rules on the way can't be decided from here, or are not seen. */
  readonly certain: boolean;
  /** Real servers that take new connections, and those of them that the way leads to. */
  readonly servers: number;
  readonly reached: number;
  /** Where it ends; null where it does not. */
  readonly end: (End & Pick<Hop, 'place' | 'name' | 'step' | 'what'>) | null;
}

export interface Trace {
  readonly protocol: string;
  readonly port: number;
  readonly mark: number;
  /** Of the saved cluster state; null where nobody publishes the port, or nothing is saved. */
  readonly service: string | null;
  readonly packet: { readonly source: string; readonly destination: string; /** Null: it is made on this node, or nobody can tell. */ readonly device: string | null };
  /** Up to IPVS. */
  readonly hops: readonly Hop[];
  /** From IPVS to each real server, sorted by task. */
  readonly branches: readonly Branch[];
  /** Of the answer. */
  readonly back: readonly Hop[];
  readonly verdict: Verdict;
}

export function countersOf(counters: Counters | null | undefined): HopCounters | null {
  return counters === null || counters === undefined ? null : { packets: Number(counters.packets), bytes: Number(counters.bytes) };
}
