/** Which published ports this node serves, and with which backends. */
import type { Condition } from '../cluster/condition.js';
import { byCodeUnit } from '../cluster/sorting.js';
import type { ClusterState, PublishedPort, Service, Task } from '../cluster/state.js';
import { isSameList } from '../sharing.js';
import type { PlanContext } from './context.js';
import { fwmarkOf, portKey, type PortKey } from './fwmark.js';
import type { PlanMemory } from './memory.js';
import type { Backend, ServedPort } from './node-plan.js';
import { decideOnePacket } from './one-packet.js';
import type { Peer } from './peers.js';
import type { TaskPort } from './task.js';
import { takersOf, type Takers } from './takers.js';
import { groupByService, type TasksByService } from './tasks-by-service.js';

/** A published port with what the places need of it. */
export interface PlannedPort extends ServedPort {
  readonly spec: PublishedPort;
  /** Each datagram is scheduled for itself; false where it was not asked for, or can't be done. */
  readonly onePacket: boolean;
  /** All that packets may be brought to: the backends, and tasks that are about to become some. */
  readonly endpoints: readonly Backend[];
}

export interface PlannedPorts {
  /** Sorted by mark: by protocol, then number. */
  readonly ports: readonly PlannedPort[];
  /** Those of the ports that are the first of their service to lead to a port of its tasks. */
  readonly firsts: readonly PlannedPort[];
  /** What the tasks of each served service listen on for the mesh, each once; by service id. */
  readonly targets: ReadonlyMap<string, readonly TaskPort[]>;
  readonly conditions: readonly Condition[];
}

/** A service's wish for a port. */
export interface Claim {
  readonly service: Service;
  readonly port: PublishedPort;
  readonly key: PortKey;
  readonly fwmark: number;
  /** The port that packets carry when they reach a task. */
  readonly delivered: number;
}

interface Grants {
  /** Sorted by mark. */
  readonly claims: readonly Claim[];
  /** Of the claims, those that are the first of their service to lead to a port of its tasks. */
  readonly firsts: ReadonlySet<PublishedPort>;
  readonly targets: PlannedPorts['targets'];
  readonly conditions: readonly Condition[];
}

/**
 * Tasks that packets can be brought to: this node's by their cables, the peers' over the fabric. Those of this node that
 * are about to run, too: what can be there before their namespaces are need not be waited for when they run.
 */
export function reachableTasks(memory: PlanMemory, state: ClusterState, { nodeId, localTasks }: PlanContext, peers: readonly Peer[]): readonly Task[] {
  const nodes = new Set(peers.map(({ id }) => id));
  return memory.filter('reachable', state.tasks, [nodeId, localTasks, peers], (task) => (task.nodeId === nodeId ? task.starting === true || localTasks.has(task.id) : nodes.has(task.nodeId)));
}

/** `reachable`: the tasks that may become real servers. */
export function planPorts(memory: PlanMemory, state: ClusterState, context: PlanContext, reachable: readonly Task[]): PlannedPorts {
  const { portsHeldByOthers, deadPeers, unreachedTasks, settings: { reservedPorts } } = context;
  const wishes = memory.flatMap('claims', state.services, [], claimsOf);
  const { claims, firsts, targets, conditions } = memory.value('grants', [wishes, reservedPorts, portsHeldByOthers], (last: Grants | undefined) => grant(last, wishes, context));

  const services = memory.value('tasks by service', [reachable], (last: TasksByService | undefined) => groupByService(last, reachable));
  const { takers } = memory.value('takers', [claims, services, deadPeers, unreachedTasks], (last: Takers | undefined) => takersOf(last, claims, services, context));
  const decided = decideOnePacket(memory, memory.map('ports', claims, [], plannedPort, takers));
  return {
    ports: decided.ports,
    firsts: memory.filter('first ports', decided.ports, [firsts], ({ spec }) => firsts.has(spec)),
    targets,
    conditions: memory.join('port conditions', conditions, decided.conditions),
  };
}

function claimsOf(service: Service): Claim[] {
  return service.ports.map((port) => ({
    service,
    port,
    key: portKey(port.protocol, port.published),
    fwmark: fwmarkOf(port.protocol, port.published),
    delivered: deliveredPort(service, port),
  }));
}

function grant(last: Grants | undefined, wishes: readonly Claim[], { settings, portsHeldByOthers }: PlanContext): Grants {
  const reserved = new Set(settings.reservedPorts);
  const taken = new Map<PortKey, Claim>();
  const conditions: Condition[] = [];
  for (const claim of [...wishes].sort(byPrecedence)) {
    const { service, key } = claim;
    const refuse = (reason: Condition['reason'], message: string) =>
      conditions.push({ reason, object: { kind: 'service', id: service.id, name: service.name }, message });

    const holder = taken.get(key)?.service;
    const program = portsHeldByOthers.get(key);
    if (holder !== undefined) {
      if (holder.id !== service.id && service.removed !== true) refuse('PortTaken', `${key} is published by the older service ${holder.name}; publish another number`);
    } else if (reserved.has(key)) {
      refuse('PortReserved', `${key} is kept for the node itself; publish another number, or take it off the setting reservedPorts`);
    } else if (program !== undefined) {
      refuse('PortConflict', `${program} listens on ${key} of this node; stop it or publish another number`);
    } else {
      taken.set(key, claim);
    }
  }
  const claims = [...taken.values()].sort((a, b) => a.fwmark - b.fwmark);
  return { claims, firsts: firstsOf(claims), targets: targetsOf(last?.targets, claims), conditions };
}

function firstsOf(claims: readonly Claim[]): ReadonlySet<PublishedPort> {
  const firsts = new Map<string, PublishedPort>();
  for (const { service, port, delivered } of claims) {
    const target = `${service.id} ${port.protocol} ${delivered}`;
    if (!firsts.has(target)) firsts.set(target, port);
  }
  return new Set(firsts.values());
}

function targetsOf(last: PlannedPorts['targets'] | undefined, claims: readonly Claim[]): PlannedPorts['targets'] {
  const targets = new Map<string, Map<PortKey, TaskPort>>();
  for (const { service, port } of claims) {
    const own = targets.get(service.id) ?? new Map<PortKey, TaskPort>();
    own.set(portKey(port.protocol, port.target), port);
    targets.set(service.id, own);
  }
  return new Map([...targets].map(([id, own]) => [id, sameAs(last?.get(id), [...own.values()])]));
}

function sameAs<Item>(last: readonly Item[] | undefined, now: readonly Item[]): readonly Item[] {
  return last !== undefined && isSameList(last, now) ? last : now;
}

/**
 * The order in which wishes are granted: Swarm's own first (dockerd answers there too), then the older service; a
 * service that is gone keeps its ports only while nobody else wants them.
 */
function byPrecedence(one: Claim, other: Claim): number {
  const rank = ({ service, port }: Claim) => (service.removed === true ? 2 : port.publishedBy === 'swarm' ? 0 : 1);
  return rank(one) - rank(other) || byCodeUnit(one.service.createdAt, other.service.createdAt) || byCodeUnit(one.service.id, other.service.id);
}

function plannedPort({ service, port, fwmark, delivered }: Claim, takers: readonly Task[]): PlannedPort {
  const backendOf = (task: Task): Backend => ({ taskId: task.id, taskName: task.name, nodeId: task.nodeId, address: task.identity.address, port: delivered, weight: task.weight });
  const endpoints = takers.map(backendOf);
  const serving = takers.filter(({ starting }) => starting !== true);
  return {
    spec: port,
    onePacket: false,
    protocol: port.protocol,
    published: port.published,
    fwmark,
    accepting: service.removed !== true,
    serviceId: service.id,
    serviceName: service.name,
    endpoints,
    backends: serving.length === takers.length ? endpoints : serving.map(backendOf),
  };
}

/**
 * The port that packets carry when they reach the task.
 *
 * Mostly the target port. But in the namespace of every task that dockerd's ingress serves, dockerd REDIRECTs each
 * published number to its target (libnetwork's redirecter): where a service publishes 80:8080 and 8080:80, a packet to
 * the task's port 80 would end on 8080. There we send the published number and let that very rule translate it. The rule
 * is for the task's ingress address only: an identity on another overlay is sent the target port.
 */
function deliveredPort(service: Service, port: PublishedPort): number {
  if (service.besideIngress === true) return port.target;
  const redirectedElsewhere = service.ports.some(
    (other) =>
      other.publishedBy === 'swarm' &&
      other.protocol === port.protocol &&
      other.published === port.target &&
      other.target !== port.target,
  );
  return redirectedElsewhere && port.publishedBy === 'swarm' ? port.published : port.target;
}
