/** Cluster state → all that this node's kernel should hold. Pure: the same arguments, the same plan. */
import type { Condition } from '../cluster/condition.js';
import type { ClusterState, Task } from '../cluster/state.js';
import { routerAddress } from './addresses.js';
import type { LocalTaskNamespace, PlanContext } from './context.js';
import { fabricMtu, planFabric } from './fabric.js';
import { placeholderConditions, planHost } from './host.js';
import { PlanMemory } from './memory.js';
import type { NodePlan, PlacePlan, ServedPort } from './node-plan.js';
import { peersOf } from './peers.js';
import { planPorts, reachableTasks } from './ports.js';
import { planSandbox } from './sandbox.js';
import { matchesBySets, setConditions } from './sets.js';
import { planTask, type TaskPort } from './task.js';

/** This node is not among the cluster's. */
export class UnknownNodeError extends Error {
  constructor(readonly nodeId: string, known: readonly string[]) {
    super(`Node ${JSON.stringify(nodeId)} is not in the cluster (${known.length === 0 ? 'which has no nodes' : known.join(', ')}); set \`node\` to one of its names`);
    this.name = 'UnknownNodeError';
  }
}

/** @throws {UnknownNodeError} when the state does not hold the context's node. */
export function plan(state: ClusterState, context: PlanContext): NodePlan {
  return new Planner().plan(state, context);
}

/**
 * Plans again and again at the cost of what has changed: what a plan shares with the one before are the same objects,
 * where state and context share theirs. Still pure: the result is what `plan` gives.
 */
export class Planner {
  private readonly memory = new PlanMemory();

  /** @throws {UnknownNodeError} */
  plan(state: ClusterState, context: PlanContext): NodePlan {
    const { memory } = this;
    const node = state.nodes.find(({ id }) => id === context.nodeId);
    if (node === undefined) {
      throw new UnknownNodeError(context.nodeId, state.nodes.map(({ name }) => name));
    }
    const { id: nodeId } = node;
    const router = routerAddress(node.address);
    const { peers, conditions: collisions } = memory.value('peers', [state.nodes, nodeId], () => peersOf(state, nodeId));
    const reachable = reachableTasks(memory, state, context, peers);
    const { ports, firsts, targets, conditions } = planPorts(memory, state, context, reachable);
    // A task whose service publishes nothing here needs no cable.
    const tasks = memory.filter('tasks', reachable, [targets], (task) => targets.has(task.serviceId));
    const accepting = memory.flatMap('accepting', ports, [], ({ accepting: takesConnections, spec }) => (takesConnections ? [spec] : []));
    const own = memory.filter('own', tasks, [nodeId], (task) => task.nodeId === nodeId);
    const local = memory.filter('local', own, [context.localTasks], ({ id }) => context.localTasks.has(id));
    const remote = memory.filter('remote', tasks, [nodeId], (task) => task.nodeId !== nodeId);

    return {
      nodeId,
      places: [
        planHost(memory, context, peers, accepting),
        planSandbox(memory, context, router, peers, tasks, ports, accepting),
        planFabric(memory, context, node, { local, own, remote, bySets: matchesBySets(context, accepting.length) }, peers, firsts),
        ...planTasks(memory, context, local, targets),
      ],
      ports: memory.map('served', ports, [], ({ spec: _, onePacket: __, endpoints: ___, ...served }): ServedPort => served),
      conditions: memory.join('conditions', state.conditions, collisions, conditions, placeholderConditions(memory, context, accepting), setConditions(memory, context, accepting.length), taskConditions(memory, state, context)),
    };
  }
}

function planTasks(memory: PlanMemory, context: PlanContext, local: readonly Task[], targets: ReadonlyMap<string, readonly TaskPort[]>): readonly PlacePlan[] {
  const mtu = fabricMtu(context);
  const namespaces = local.map(({ id }) => context.localTasks.get(id));
  const placed = memory.map('placed tasks', local, [], (task, namespace: LocalTaskNamespace | undefined) => ({ task, namespace }), namespaces);
  return memory.flatMap(
    'task places',
    placed,
    [mtu],
    ({ task, namespace }, own: readonly TaskPort[] | undefined) => (namespace === undefined ? [] : [planTask(task, namespace, own ?? [], mtu)]),
    local.map(({ serviceId }) => targets.get(serviceId)),
  );
}

/** Local tasks that should take connections, but whose namespaces were not found. */
function taskConditions(memory: PlanMemory, { services, tasks }: ClusterState, { nodeId, localTasks }: PlanContext): readonly Condition[] {
  const publishing = memory.value('publishing', [services], () => new Set(services.filter(({ ports }) => ports.length > 0).map(({ id }) => id)));
  const lost = memory.filter('lost tasks', tasks, [nodeId, localTasks, publishing], (task) =>
    task.nodeId === nodeId && task.weight > 0 && publishing.has(task.serviceId) && !localTasks.has(task.id));
  return memory.map('task conditions', lost, [], (task): Condition => ({
    reason: 'TaskUnreachable',
    object: { kind: 'task', id: task.id, name: task.name },
    message: `no network namespace on this node holds ${task.identity.address}; packets can't be brought to the task`,
  }));
}
