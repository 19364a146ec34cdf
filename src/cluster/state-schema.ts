/**
 * A ClusterState that comes from outside of this process (a file, a manager) is as strict as any stranger's words: no
 * unknown field, no number out of its range, no name that would move a cursor, no list without an end.
 */
import { isIPv4 } from 'node:net';
import { z } from 'zod';
import { conditionReasons } from './condition.js';
import { schedulers, udpSchedulings } from './policy.js';
import { protocols, type ClusterNode, type ClusterState, type Service, type Task } from './state.js';

/** Far beyond what Swarm runs; what is larger is not a cluster but an attempt on our memory. */
const most = { nodes: 20_000, services: 50_000, ports: 65_535 * protocols.length, tasks: 500_000, conditions: 100_000 };

const id = z.string().min(1).max(255).regex(/^[^\p{Cc}]+$/u);
const words = (longest: number) => z.string().max(longest).regex(/^[^\p{Cc}]*$/u);
const name = words(255);
const address = z.string().refine(isIPv4, 'expected an IPv4 address');
const port = z.int().min(1).max(65535);

const policySchema = z.strictObject({
  sourceAddress: z.enum(['preserve', 'snat']),
  scheduler: z.enum(schedulers),
  affinitySeconds: z.int().positive().nullable(),
  drainMilliseconds: z.int().min(0),
  udp: z.enum(udpSchedulings),
});

export const nodeSchema: z.ZodType<ClusterNode> = z.strictObject({ id, name, address, ready: z.boolean() });

export const serviceSchema: z.ZodType<Service> = z.strictObject({
  id,
  name,
  createdAt: words(64),
  ports: z
    .array(z.strictObject({ protocol: z.enum(protocols), published: port, target: port, publishedBy: z.enum(['swarm', 'label', 'file']), policy: policySchema }))
    .max(most.ports),
  besideIngress: z.exactOptional(z.literal(true)),
});

/** Without `undefined` for an absent field: exactOptionalPropertyTypes tells the two apart, zod's types do not. */
export const taskSchema = z.strictObject({
  id,
  name: words(512),
  serviceId: id,
  nodeId: id,
  identity: z.strictObject({ address, prefixLength: z.int().min(1).max(32) }),
  weight: z.int().min(0).max(65535),
  starting: z.exactOptional(z.literal(true)),
  namespace: z.string().max(4095).regex(/^[^\p{Cc}]+$/u).exactOptional(),
}) satisfies z.ZodType<Task>;

export const conditionSchema = z.strictObject({
  reason: z.enum(conditionReasons),
  object: z.strictObject({ kind: z.enum(['service', 'task', 'node', 'source']), id: words(512), name: words(512) }),
  message: words(8192),
});

export const stateSchema: z.ZodType<ClusterState> = z.strictObject({
  nodes: z.array(nodeSchema).max(most.nodes),
  services: z.array(serviceSchema).max(most.services),
  tasks: z.array(taskSchema).max(most.tasks),
  conditions: z.array(conditionSchema).max(most.conditions),
});

/** What no schema of one object sees: lists have an end, ids are unique and in their order, and tasks belong to services and nodes of the same state. Null: all is well. */
export function findInconsistency(state: ClusterState): string | null {
  for (const list of ['nodes', 'services', 'tasks'] as const) {
    const objects = state[list];
    if (objects.length > most[list]) return `it has more than ${most[list]} ${list}`;
    const at = objects.findIndex((object, index) => index > 0 && (objects[index - 1]?.id ?? '') >= object.id);
    if (at !== -1) return `the ids of its ${list} are not unique and in order (at ${at})`;
  }
  const nodes = new Set(state.nodes.map((node) => node.id));
  const services = new Set(state.services.map((service) => service.id));
  const stray = state.tasks.findIndex((task) => !nodes.has(task.nodeId) || !services.has(task.serviceId));
  return stray === -1 ? null : `task ${stray} is of a service or a node that is not in it`;
}
