/** Keeps the drains of this node going: what must be known of each task to end it, and a look at it from time to time. */
import { performance } from 'node:perf_hooks';
import type { LocalTask } from '../cluster/source.js';
import type { ClusterState, Task } from '../cluster/state.js';
import type { EventRecorder } from '../event.js';
import { connectionKey } from '../kernel/connections.js';
import type { ServedPort } from '../plan/node-plan.js';
import { findById } from '../sharing.js';
import type { ClusterWatch } from './cluster-watch.js';
import { tellDrains } from './drain-events.js';
import { DrainKeeper, type DrainFacts, type DrainRecord } from './drain.js';
import type { MeshKernel } from './mesh-kernel.js';

export interface DrainWatchOptions {
  readonly nodeId: string;
  readonly cluster: Pick<ClusterWatch, 'state' | 'tasks'>;
  readonly kernel: Pick<MeshKernel, 'connections'>;
  readonly events: EventRecorder;
  /** As they are programmed now. */
  readonly ports: () => readonly ServedPort[];
  /** Do other nodes send to the tasks of this one? */
  readonly hasPeers: () => boolean;
  /** A drain has come to its end: a sync would change something. */
  readonly onEnded: () => void;
}

/** How often draining connections are counted, in milliseconds. */
const checkMilliseconds = 1_000;
/** Every sync asks whether a drain is over, and IPVS is asked port by port: what was counted serves for so long. */
const countedMilliseconds = checkMilliseconds / 2;

export class DrainWatch {
  private readonly keeper: DrainKeeper;
  private timer: NodeJS.Timeout | undefined;
  /** By task; `at` by performance.now(). */
  private readonly counted = new Map<string, { readonly at: number; readonly connections: number | null }>();

  constructor(private readonly options: DrainWatchOptions) {
    this.keeper = new DrainKeeper(tellDrains(options.events, (task) => this.connectionsOf(task)));
  }

  /** Tasks that are being drained. */
  get count(): number {
    return this.keeper.draining().length;
  }

  records(): DrainRecord[] {
    return this.keeper.records();
  }

  /** The state with draining tasks at weight 0 and without those whose drain is over. */
  apply(state: ClusterState, localTasks: ReadonlyMap<string, LocalTask>): ClusterState {
    return this.keeper.apply(state, this.facts(localTasks));
  }

  /** Counts draining connections from time to time, which costs little, until a drain has come to its end. */
  watch(): void {
    clearTimeout(this.timer);
    if (this.count === 0) {
      this.counted.clear();
      return;
    }
    this.timer = setTimeout(() => {
      if (this.keeper.hasEnded(this.facts(this.options.cluster.tasks() ?? new Map()))) this.options.onEnded();
      else this.watch();
    }, checkMilliseconds);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private facts(localTasks: ReadonlyMap<string, LocalTask>): DrainFacts {
    return {
      now: performance.now(),
      isAlive: (task) => (task.nodeId === this.options.nodeId ? localTasks.has(task.id) : this.mayLiveElsewhere(task)),
      connectionsOf: (task) => (this.isReachedByPeers(task) ? null : this.latelyCounted(task)),
    };
  }

  /** Peers send to it through the fabric, and only their own IPVS knows what connections they have there. */
  private isReachedByPeers(task: Task): boolean {
    return task.nodeId === this.options.nodeId && this.options.hasPeers();
  }

  /**
   * A task of another node that has left the state: while its service is there, it has ended, or it would be in it. A
   * service that was removed takes its tasks out of the state at once, and they stop in their own time.
   */
  private mayLiveElsewhere(task: Task): boolean {
    const { state } = this.options.cluster;
    return state !== null && findById(state.services, task.serviceId) === undefined;
  }

  private latelyCounted(task: Task): number | null {
    const last = this.counted.get(task.id);
    const now = performance.now();
    if (last !== undefined && now - last.at < countedMilliseconds) return last.connections;
    const connections = this.connectionsOf(task);
    this.counted.set(task.id, { at: now, connections });
    return connections;
  }

  /** Connections of all of a task's real servers; null where there is none. */
  private connectionsOf(task: Task): number | null {
    const ports = this.options.ports().filter(({ serviceId }) => serviceId === task.serviceId);
    const counts = this.options.kernel.connections(ports.map(({ fwmark }) => fwmark));
    const own = ports.flatMap((port) =>
      port.backends.filter((backend) => backend.taskId === task.id).map((backend) => counts.get(connectionKey(port.fwmark, backend.address, backend.port))),
    );
    const known = own.filter((count) => count !== undefined);
    return known.length === 0 ? null : known.reduce((sum, { active, inactive }) => sum + active + inactive, 0);
  }
}
