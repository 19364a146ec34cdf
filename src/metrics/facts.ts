/** All that a scrape tells, as the controller knows it at that moment. */
import type { Condition } from '../cluster/condition.js';
import type { RelayFacts } from '../cluster/source.js';
import type { ClusterNode } from '../cluster/state.js';
import type { ChangeCounts } from '../controller/change-log.js';
import type { EventCount } from '../controller/event-log.js';
import type { Instruments } from '../controller/instruments.js';
import type { PeerReport } from '../controller/peer-watch.js';
import type { Kind } from '../kernel/change.js';
import type { KernelStatistics } from '../kernel/statistics.js';
import type { ServedPort } from '../plan/node-plan.js';

export interface MetricsFacts {
  readonly version: string;
  /** Name of this node. */
  readonly node: string;
  readonly programmed: boolean;
  readonly source: { readonly available: boolean; readonly relay: RelayFacts | null };
  readonly queueDepth: number;
  readonly drainingTasks: number;
  readonly instruments: Pick<Instruments, 'convergence' | 'syncDurations' | 'failures'>;
  readonly changes: ChangeCounts;
  readonly repairs: Readonly<Partial<Record<Kind, number>>>;
  readonly conditions: readonly Condition[];
  readonly events: readonly EventCount[];
  readonly nodes: readonly ClusterNode[];
  readonly peers: readonly PeerReport[];
  readonly ports: readonly ServedPort[];
  readonly statistics: KernelStatistics;
}
