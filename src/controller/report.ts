/** What a running controller says of itself: the body of `GET /status`, and all that `routemesh status` knows. */
import type { Condition, ConditionReason } from '../cluster/condition.js';
import type { ClusterNode } from '../cluster/state.js';
import type { MeshEvent } from '../event.js';
import type { Kind } from '../kernel/change.js';
import { connectionKey, type ConnectionCount } from '../kernel/connections.js';
import type { Backend, ServedPort } from '../plan/node-plan.js';
import type { PeerReport } from './peer-watch.js';

/** Times are RFC 3339. */
export interface StatusReport {
  readonly version: string;
  readonly node: { readonly id: string; readonly name: string };
  /** The kernel held what the plan says after the last sync: a cluster state was known and nothing failed. `/readyz` answers by it. */
  readonly programmed: boolean;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly source: {
    readonly description: string;
    readonly available: boolean;
    /** Since when it is, or is not, available. */
    readonly since: string;
    /** Why it is not available. */
    readonly error?: string;
  };
  /** Null before the first one has ended. */
  readonly lastSync: SyncReport | null;
  /** Number of syncs since the start. */
  readonly syncs: number;
  /** Objects that somebody else changed and that were put right, by kind, since the start. */
  readonly repairs: Readonly<Partial<Record<Kind, number>>>;
  readonly nodes: readonly ClusterNode[];
  /** The other nodes that are in the fabric, as they answer. */
  readonly peers: readonly PeerReport[];
  /** Sorted by protocol, then published number. */
  readonly ports: readonly PortReport[];
  readonly conditions: readonly Condition[];
  /** The latest few, the newest last; `GET /events` has all. */
  readonly events: readonly MeshEvent[];
}

export interface SyncReport {
  readonly at: string;
  readonly durationMilliseconds: number;
  /** What made the controller look: `service event`, `resync`, … */
  readonly reason: string;
  /** Number of changes applied. */
  readonly changes: number;
  /** One line each. */
  readonly failures: readonly string[];
}

export interface PortReport extends Omit<ServedPort, 'backends'> {
  readonly backends: readonly BackendReport[];
}

export interface BackendReport extends Backend {
  /** Null where IPVS was not, or could not be, asked. */
  readonly connections: { readonly active: number; readonly inactive: number } | null;
}

/** Conditions by which something that was asked for is not served at all; the others are served, if not wholly as asked. */
const unservedReasons: ReadonlySet<ConditionReason> = new Set<ConditionReason>([
  'PortConflict',
  'PortReserved',
  'PortTaken',
  'NoIdentityNetwork',
  'TaskUnreachable',
  'SyncFailed',
  'CutOff',
]);

export function isUnserved(condition: Condition): boolean {
  return unservedReasons.has(condition.reason);
}

/** Everything that is asked of this node is in its kernel, and nothing keeps it from being served. */
export function isHealthy(report: Pick<StatusReport, 'programmed' | 'conditions'>): boolean {
  return report.programmed && !report.conditions.some(isUnserved);
}

/** What `/readyz` answers by. It is asked every few seconds, and by several: no look at IPVS is for it. */
export type Readiness = Pick<StatusReport, 'programmed' | 'lastSync' | 'source'>;

/** The served ports with the connections that IPVS has for each real server, by `connectionKey`. */
export function portReports(ports: readonly ServedPort[], counts: ReadonlyMap<string, ConnectionCount>): PortReport[] {
  return ports.map((port) => ({
    ...port,
    backends: port.backends.map((backend) => {
      const count = counts.get(connectionKey(port.fwmark, backend.address, backend.port));
      // Whoever counted may know more of it than is told here.
      return { ...backend, connections: count === undefined ? null : { active: count.active, inactive: count.inactive } };
    }),
  }));
}
