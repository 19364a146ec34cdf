/** From Docker's JSON to the ClusterState. Pure and total: an odd object is skipped with a note, the others are served. */
import type { Condition } from '../condition.js';
import { byId } from '../sorting.js';
import type { ClusterNode, ClusterState, Service, Task } from '../state.js';
import { textOf } from './json.js';
import { knownNetworks } from './networks.js';
import { convertNode } from './nodes.js';
import type { Note, RawCluster } from './raw.js';
import { convertService } from './services.js';
import { convertTask, type ServiceOfTask } from './tasks.js';

export interface Conversion {
  readonly state: ClusterState;
  readonly notes: readonly Note[];
}

export function convertCluster(raw: RawCluster): Conversion {
  const notes: Note[] = [];
  const conditions: Condition[] = [];
  const known = knownNetworks(raw);

  const nodes = new Map<string, ClusterNode>();
  for (const rawNode of raw.nodes) {
    const { node, condition, note } = convertNode(rawNode);
    if (node !== null) nodes.set(node.id, node);
    if (condition !== undefined) conditions.push(condition);
    if (note !== undefined) notes.push(note);
  }

  const services = new Map<string, Service>();
  const served = new Map<string, ServiceOfTask>();
  for (const rawService of raw.services) {
    const { converted, conditions: refused, note } = convertService(rawService, known);
    conditions.push(...refused);
    if (note !== undefined) notes.push(note);
    if (converted === null) continue;
    const { service, rule } = converted;
    services.set(service.id, service);
    served.set(service.id, { id: service.id, name: service.name, rule });
  }

  const tasks = new Map<string, Task>();
  for (const rawTask of raw.tasks) {
    const service = served.get(textOf(rawTask, 'ServiceID') ?? '');
    if (service === undefined) continue;
    const { task, note } = convertTask(rawTask, service, nodes, known);
    if (task !== null) tasks.set(task.id, task);
    if (note !== undefined) notes.push(note);
  }

  return {
    state: {
      nodes: [...nodes.values()].sort(byId),
      services: [...services.values()].sort(byId),
      tasks: [...tasks.values()].sort(byId),
      conditions: conditions.sort((one, other) => byId(one.object, other.object)),
    },
    notes,
  };
}
