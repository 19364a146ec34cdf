/** Gathers what the plan must know of this node: its tasks' namespaces, and the ports that other programs hold. */
import type { LocalTask } from '../cluster/source.js';
import type { ClusterState } from '../cluster/state.js';
import type { LocalTaskNamespace, PlanContext } from '../plan/context.js';
import type { Settings } from '../settings.js';
import { publishedPorts, type MeshKernel } from './mesh-kernel.js';

/** What is asked of the kernel. */
export type AskedKernel = Pick<MeshKernel, 'release' | 'resolveTask' | 'underlayMtu' | 'portsHeldByOthers'>;

export interface NodeFacts {
  readonly nodeId: string;
  readonly settings: Settings;
  readonly kernel: AskedKernel;
  readonly localTasks: ReadonlyMap<string, LocalTask>;
  /** Ids of nodes that don't answer over the fabric. */
  readonly deadPeers: ReadonlySet<string>;
  /** Ids of other nodes' tasks that did not answer yet. */
  readonly unreachedTasks: ReadonlySet<string>;
}

/** Calls `onUnreachable` for each local task whose namespace can't be used; the plan makes a condition of it. */
export function gatherContext(state: ClusterState, facts: NodeFacts, onUnreachable: (taskName: string, error: unknown) => void): PlanContext {
  const namespaces = new Map<string, LocalTaskNamespace>();
  for (const task of state.tasks) {
    const local = task.nodeId === facts.nodeId ? facts.localTasks.get(task.id) : undefined;
    if (local === undefined) continue;
    try {
      namespaces.set(task.id, facts.kernel.resolveTask(local.namespace, task.identity.address));
    } catch (error) {
      onUnreachable(task.name, error);
    }
  }
  return {
    nodeId: facts.nodeId,
    settings: facts.settings,
    kernelRelease: facts.kernel.release,
    localTasks: namespaces,
    underlayMtu: facts.kernel.underlayMtu(state.nodes.find(({ id }) => id === facts.nodeId)?.address),
    deadPeers: facts.deadPeers,
    unreachedTasks: facts.unreachedTasks,
    portsHeldByOthers: facts.kernel.portsHeldByOthers(publishedPorts(state)),
  };
}
