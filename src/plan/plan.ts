/** Cluster state → all that this node's kernel should hold. Pure: the same arguments, the same plan. */
import type { Condition } from '../cluster/condition.js';
import type { ClusterState, Task } from '../cluster/state.js';
import { routerAddress } from './addresses.js';
import type { PlanContext } from './context.js';
import { fabricMtu, planFabric } from './fabric.js';
import { portKey } from './fwmark.js';
import { planHost } from './host.js';
import type { NodePlan } from './node-plan.js';
import { peersOf } from './peers.js';
import { planPorts, reachableTasks, type PlannedPort } from './ports.js';
import { planSandbox } from './sandbox.js';
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
  const node = state.nodes.find(({ id }) => id === context.nodeId);
  if (node === undefined) {
    throw new UnknownNodeError(context.nodeId, state.nodes.map(({ name }) => name));
  }
  const router = routerAddress(node.address);
  const { peers, conditions: collisions } = peersOf(state, node.id);
  const reachable = reachableTasks(state, context, peers);
  const { ports, conditions } = planPorts(state, context, reachable);
  // A task whose service publishes nothing here needs no cable.
  const served = new Set(ports.map((port) => port.serviceId));
  const tasks = reachable.filter((task) => served.has(task.serviceId));
  const local = tasks.filter((task) => task.nodeId === node.id);
  const remote = tasks.filter((task) => task.nodeId !== node.id);

  return {
    nodeId: node.id,
    places: [
      planHost(context, peers, ports),
      planSandbox(context, router, peers, ports),
      planFabric(context, node, { local, remote }, peers, ports),
      ...local.flatMap((task) => {
        const namespace = context.localTasks.get(task.id);
        return namespace === undefined ? [] : [planTask(task, namespace, targetsOf(task, ports), fabricMtu(context))];
      }),
    ],
    ports: ports.map(({ spec: _, onePacket: __, ...served }) => served),
    conditions: [...state.conditions, ...collisions, ...conditions, ...taskConditions(state, context)],
  };
}

/** What the task listens on for the mesh, each once. */
function targetsOf(task: Task, ports: readonly PlannedPort[]): TaskPort[] {
  const targets = new Map(
    ports.filter(({ serviceId }) => serviceId === task.serviceId).map(({ spec }) => [portKey(spec.protocol, spec.target), spec]),
  );
  return [...targets.values()];
}

/** A local task that should take connections, but whose namespace was not found. */
function taskConditions(state: ClusterState, context: PlanContext): Condition[] {
  const publishing = new Set(state.services.filter(({ ports }) => ports.length > 0).map(({ id }) => id));
  return state.tasks
    .filter((task) => task.nodeId === context.nodeId && task.weight > 0 && publishing.has(task.serviceId))
    .filter((task) => !context.localTasks.has(task.id))
    .map((task) => ({
      reason: 'TaskUnreachable',
      object: { kind: 'task', id: task.id, name: task.name },
      message: `no network namespace on this node holds ${task.identity.address}; packets can't be brought to the task`,
    }));
}
