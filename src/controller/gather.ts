/** Gathers what the plan must know of this node: its tasks' namespaces, and the ports that other programs hold. */
import { isDeepStrictEqual } from 'node:util';
import type { LocalTask } from '../cluster/source.js';
import type { ClusterState } from '../cluster/state.js';
import type { Doubted } from '../kernel/glance.js';
import type { LocalTaskNamespace, PlanContext } from '../plan/context.js';
import { portKey } from '../plan/fwmark.js';
import { changesBetween, findById } from '../sharing.js';
import type { Settings } from '../settings.js';
import { publishedPorts, type MeshKernel } from './mesh-kernel.js';

/** What is asked of the kernel. */
export type AskedKernel = Pick<MeshKernel, 'release' | 'resolveTask' | 'underlayMtu' | 'portsHeldByOthers' | 'mostPlaceholders'>;

export interface NodeFacts {
  readonly nodeId: string;
  readonly settings: Settings;
  readonly kernel: AskedKernel;
  readonly localTasks: ReadonlyMap<string, LocalTask>;
  /** Ids of nodes that don't answer over the fabric. */
  readonly deadPeers: ReadonlySet<string>;
  /** Ids of other nodes' tasks that did not answer yet. */
  readonly unreachedTasks: ReadonlySet<string>;
  /** What keeps rules from matching by sets; null: nothing. */
  readonly whyNoSets: string | null;
}

/** Calls `onUnreachable` for each local task whose namespace can't be used; the plan makes a condition of it. */
export function gatherContext(state: ClusterState, facts: NodeFacts, onUnreachable: (taskName: string, error: unknown) => void): PlanContext {
  return new Gatherer().gather(state, facts, 'everywhere', onUnreachable);
}

/** Gathers again and again: what is as it was stays the same object, and is asked for anew only with a look at everything. */
export class Gatherer {
  private last: { readonly state: ClusterState; readonly localTasks: NodeFacts['localTasks']; readonly context: PlanContext } | null = null;

  /** `doubted`: where whatever the kernel said before may have changed; else only what is new is asked for. */
  gather(state: ClusterState, facts: NodeFacts, doubted: Doubted, onUnreachable: (taskName: string, error: unknown) => void): PlanContext {
    const last = doubted === 'everywhere' ? null : this.last;
    const knownUnderlay = doubted !== 'everywhere' && !doubted.has('host') && last?.state.nodes === state.nodes ? last : null;
    const context: PlanContext = {
      nodeId: facts.nodeId,
      settings: facts.settings,
      kernelRelease: facts.kernel.release,
      localTasks: sameMap(this.last?.context.localTasks, this.namespaces(last, state, facts, onUnreachable)),
      ...(facts.kernel.mostPlaceholders === undefined ? {} : { mostPlaceholders: facts.kernel.mostPlaceholders }),
      whyNoSets: facts.whyNoSets,
      underlayMtu: knownUnderlay !== null ? knownUnderlay.context.underlayMtu : facts.kernel.underlayMtu(state.nodes.find(({ id }) => id === facts.nodeId)?.address),
      deadPeers: facts.deadPeers,
      unreachedTasks: facts.unreachedTasks,
      portsHeldByOthers: sameMap(this.last?.context.portsHeldByOthers, heldByOthers(last, state, facts.kernel)),
    };
    this.last = { state, localTasks: facts.localTasks, context };
    return context;
  }

  private namespaces(last: Gatherer['last'], state: ClusterState, facts: NodeFacts, onUnreachable: (taskName: string, error: unknown) => void): ReadonlyMap<string, LocalTaskNamespace> {
    const namespaces = new Map<string, LocalTaskNamespace>();
    for (const [id, local] of facts.localTasks) {
      const task = findById(state.tasks, id);
      if (task?.nodeId !== facts.nodeId) continue;
      const known = last?.context.localTasks.get(id);
      const isAsKnown = last?.localTasks.get(id)?.namespace === local.namespace && findById(last.state.tasks, id)?.identity.address === task.identity.address;
      try {
        namespaces.set(id, known !== undefined && isAsKnown ? known : facts.kernel.resolveTask(local.namespace, task.identity.address));
      } catch (error) {
        onUnreachable(task.name, error);
      }
    }
    return namespaces;
  }
}

/** Ports that were asked about and were free stay so: what this node serves nobody else can take. */
function heldByOthers(last: Gatherer['last'], state: ClusterState, kernel: AskedKernel): ReadonlyMap<string, string> {
  if (last === null) return kernel.portsHeldByOthers(publishedPorts(state.services));
  const before = last.context.portsHeldByOthers;
  if (last.state.services === state.services && before.size === 0) return before;
  const { removed, added } = changesBetween(last.state.services, state.services);
  const known = new Set<string>(publishedPorts(removed).map(({ protocol, port }) => portKey(protocol, port)));
  const held = publishedPorts(state.services.filter(({ ports }) => before.size > 0 && ports.some(({ protocol, published }) => before.has(portKey(protocol, published)))));
  return kernel.portsHeldByOthers([...held, ...publishedPorts(added).filter(({ protocol, port }) => !known.has(portKey(protocol, port)))]);
}

function sameMap<Value>(last: ReadonlyMap<string, Value> | undefined, now: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  const isSame = last?.size === now.size && [...now].every(([key, value]) => isDeepStrictEqual(last.get(key), value));
  return isSame ? last : now;
}
