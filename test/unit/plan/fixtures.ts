/** A small cluster in code: what tests of the plan and the controller start from. */
import { defaultPortPolicy, type PortPolicy } from '../../../src/cluster/policy.js';
import type { ClusterState, PublishedPort, Service, Task } from '../../../src/cluster/state.js';
import type { PlanContext } from '../../../src/plan/context.js';
import type { NodePlan, PlacePlan } from '../../../src/plan/node-plan.js';
import type { Place } from '../../../src/plan/objects.js';
import { defaultSettings } from '../../../src/settings.js';

export const nodeId = 'node1';

export function port(published: number, target: number, more: Partial<Omit<PublishedPort, 'policy'>> & { policy?: Partial<PortPolicy> } = {}): PublishedPort {
  return { protocol: 'tcp', published, target, publishedBy: 'swarm', ...more, policy: { ...defaultPortPolicy, ...more.policy } };
}

export function service(name: string, ports: readonly PublishedPort[], more: Partial<Service> = {}): Service {
  return { id: `service-${name}`, name, createdAt: '2026-01-01T00:00:00Z', ports, ...more };
}

export function task(serviceName: string, slot: number, more: Partial<Task> = {}): Task {
  return {
    id: `${serviceName}${slot}`.padEnd(25, 'x'),
    name: `${serviceName}.${slot}`,
    serviceId: `service-${serviceName}`,
    nodeId,
    identity: { address: `10.0.0.${slot + 4}`, prefixLength: 24 },
    weight: 1,
    ...more,
  };
}

export function cluster(parts: Partial<ClusterState>): ClusterState {
  return {
    nodes: [{ id: nodeId, name: 'h1', address: '192.168.56.11', ready: true }],
    services: [],
    tasks: [],
    conditions: [],
    ...parts,
  };
}

/** A context in which every local task of the state is found, its identity on eth0. */
export function contextFor(state: ClusterState, more: Partial<PlanContext> = {}): PlanContext {
  return {
    nodeId,
    settings: defaultSettings,
    kernelRelease: '6.1.0-40-amd64',
    localTasks: new Map(state.tasks.map(({ id }, index) => [id, { path: `/proc/${1000 + index}/ns/net`, device: 'eth0' }])),
    underlayMtu: 1500,
    deadPeers: new Set(),
    unreachedTasks: new Set(),
    portsHeldByOthers: new Map(),
    ...more,
  };
}

export function placeOf(plan: NodePlan, place: Place): PlacePlan {
  const found = plan.places.find((candidate) => candidate.place === place);
  if (found === undefined) throw new Error(`the plan has no place ${place}`);
  return found;
}

/** A chain's rules as lines. */
export function chainOf(plan: NodePlan, place: Place, table: string, chain: string): string[] {
  const found = placeOf(plan, place).iptables.chains.find((candidate) => candidate.table === table && candidate.chain === chain);
  if (found === undefined) throw new Error(`${place} has no chain ${table} ${chain}`);
  return found.rules.map((words) => words.join(' '));
}
