/** From Docker's JSON to the ClusterState. Total: an odd object is skipped with a note, the others are served. */
import { isDeepStrictEqual } from 'node:util';
import type { Condition } from '../condition.js';
import { byId } from '../sorting.js';
import type { ClusterNode, ClusterState, Service, Task } from '../state.js';
import { textOf } from './json.js';
import { knownNetworks, type NetworksById } from './networks.js';
import { convertNode } from './nodes.js';
import type { Note, RawCluster, RawObject } from './raw.js';
import { convertService } from './services.js';
import { convertTask, type ServiceOfTask } from './tasks.js';

export interface Conversion {
  readonly state: ClusterState;
  readonly notes: readonly Note[];
}

/** Pure. */
export function convertCluster(raw: RawCluster): Conversion {
  return new ClusterConverter().convert(raw);
}

/**
 * Converts again and again. Swarm tells of one task at a time, and of all the other objects the very same are there
 * again: what came of those is kept, as long as what it was made with is the same.
 */
export class ClusterConverter {
  private networks: NetworksById = new Map();
  private readonly nodes = new Memory((raw) => convertNode(raw));
  private readonly services = new Memory((raw) => this.serviceOf(raw));
  private readonly tasks = new Memory((raw, service: ServiceOfTask, node: ClusterNode | undefined) => convertTask(raw, service, node, this.networks));

  convert(raw: RawCluster): Conversion {
    const notes: Note[] = [];
    const conditions: Condition[] = [];
    this.follow(knownNetworks(raw));

    const nodes = new Map<string, ClusterNode>();
    for (const rawNode of raw.nodes) {
      const { node, condition, note } = this.nodes.of(rawNode);
      if (node !== null) nodes.set(node.id, node);
      if (condition !== undefined) conditions.push(condition);
      if (note !== undefined) notes.push(note);
    }

    const services = new Map<string, Service>();
    const served = new Map<string, ServiceOfTask>();
    for (const rawService of raw.services) {
      const { converted, conditions: refused, note } = this.services.of(rawService);
      conditions.push(...refused);
      if (note !== undefined) notes.push(note);
      if (converted === null) continue;
      services.set(converted.service.id, converted.service);
      served.set(converted.service.id, converted.ofTasks);
    }

    const tasks = new Map<string, Task>();
    for (const rawTask of raw.tasks) {
      const service = served.get(textOf(rawTask, 'ServiceID') ?? '');
      if (service === undefined) continue;
      const { task, note } = this.tasks.of(rawTask, service, nodes.get(textOf(rawTask, 'NodeID') ?? ''));
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

  private follow(networks: NetworksById): void {
    if (isDeepStrictEqual(networks, this.networks)) return;
    this.networks = networks;
    this.services.forget();
    this.tasks.forget();
  }

  private serviceOf(raw: RawObject): { converted: { service: Service; ofTasks: ServiceOfTask } | null; conditions: readonly Condition[]; note?: Note } {
    const { converted, ...told } = convertService(raw, this.networks);
    if (converted === null) return { converted, ...told };
    const { service, rule } = converted;
    return { converted: { service, ofTasks: { id: service.id, name: service.name, rule } }, ...told };
  }
}

/** What was made of an object, and with what: made anew when either is another. */
class Memory<With extends readonly unknown[], Result> {
  private results = new WeakMap<WeakKey, { readonly by: With; readonly result: Result }>();

  constructor(private readonly make: (raw: RawObject, ...by: With) => Result) {}

  of(raw: RawObject, ...by: With): Result {
    // Docker's lists hold objects; a stranger's may hold anything.
    if (typeof raw !== 'object' || raw === null) return this.make(raw, ...by);
    const known = this.results.get(raw);
    if (known?.by.every((part, index) => part === by[index]) === true) return known.result;
    const result = this.make(raw, ...by);
    this.results.set(raw, { by, result });
    return result;
  }

  forget(): void {
    this.results = new WeakMap();
  }
}
