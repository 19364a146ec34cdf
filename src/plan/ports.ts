/** Which published ports this node serves, and with which backends. */
import type { Condition } from '../cluster/condition.js';
import { byCodeUnit } from '../cluster/sorting.js';
import type { ClusterState, Protocol, PublishedPort, Service, Task } from '../cluster/state.js';
import type { PlanContext } from './context.js';
import { fwmarkOf, portKey } from './fwmark.js';
import type { Backend, ServedPort } from './node-plan.js';
import { decideOnePacket } from './one-packet.js';
import type { Peer } from './peers.js';

/** A published port with what the places need of it. */
export interface PlannedPort extends ServedPort {
  readonly spec: PublishedPort;
  /** Each datagram is scheduled for itself; false where it was not asked for, or can't be done. */
  readonly onePacket: boolean;
}

export interface PlannedPorts {
  /** Sorted by mark: by protocol, then number. */
  readonly ports: readonly PlannedPort[];
  readonly conditions: readonly Condition[];
}

/** Tasks that packets can be brought to: this node's by their cables, the peers' over the fabric. */
export function reachableTasks(state: ClusterState, context: PlanContext, peers: readonly Peer[]): Task[] {
  const nodes = new Set(peers.map(({ id }) => id));
  return state.tasks.filter((task) => (task.nodeId === context.nodeId ? context.localTasks.has(task.id) : nodes.has(task.nodeId)));
}

/** `reachable`: the tasks that may become real servers. */
export function planPorts(state: ClusterState, context: PlanContext, reachable: readonly Task[]): PlannedPorts {
  const reserved = new Set(context.settings.reservedPorts);
  const tasksByService = groupByService(reachable);
  const taken = new Map<string, PlannedPort>();
  const conditions: Condition[] = [];

  for (const { service, port } of claims(state.services)) {
    const key = portKey(port.protocol, port.published);
    const refuse = (reason: Condition['reason'], message: string) =>
      conditions.push({ reason, object: { kind: 'service', id: service.id, name: service.name }, message });

    const holder = taken.get(key);
    const program = context.portsHeldByOthers.get(key);
    if (holder !== undefined) {
      if (holder.serviceId !== service.id && service.removed !== true) refuse('PortTaken', `${key} is published by the older service ${holder.serviceName}; publish another number`);
    } else if (reserved.has(key)) {
      refuse('PortReserved', `${key} is kept for the node itself; publish another number, or take it off the setting reservedPorts`);
    } else if (program !== undefined) {
      refuse('PortConflict', `${program} listens on ${key} of this node; stop it or publish another number`);
    } else {
      taken.set(key, {
        spec: port,
        onePacket: false,
        protocol: port.protocol,
        published: port.published,
        fwmark: fwmarkOf(port.protocol, port.published),
        accepting: service.removed !== true,
        serviceId: service.id,
        serviceName: service.name,
        backends: takingConnections(tasksByService.get(service.id) ?? [], context, port.protocol).map((task) => backend(task, service, port)),
      });
    }
  }
  const decided = decideOnePacket([...taken.values()].sort((a, b) => a.fwmark - b.fwmark));
  return { ports: decided.ports, conditions: [...conditions, ...decided.conditions] };
}

/**
 * Every wish for a port, in the order in which wishes are granted: Swarm's own first (dockerd answers there too), then
 * the older service; a service that is gone keeps its ports only while nobody else wants them.
 */
function claims(services: readonly Service[]): { service: Service; port: PublishedPort }[] {
  const rank = ({ service, port }: { service: Service; port: PublishedPort }) =>
    service.removed === true ? 2 : port.publishedBy === 'swarm' ? 0 : 1;
  return services
    .flatMap((service) => service.ports.map((port) => ({ service, port })))
    .sort(
      (a, b) =>
        rank(a) - rank(b) || byCodeUnit(a.service.createdAt, b.service.createdAt) || byCodeUnit(a.service.id, b.service.id),
    );
}

function takingConnections(tasks: readonly Task[], { deadPeers, unreachedTasks }: PlanContext, protocol: Protocol): readonly Task[] {
  return sparingUnreached(sparingDeadPeers(tasks, deadPeers, protocol), unreachedTasks);
}

/** A task to which its own node has not yet laid the cable gets no connections, unless there is nobody else. */
function sparingUnreached(tasks: readonly Task[], unreached: ReadonlySet<string>): readonly Task[] {
  if (!tasks.some(({ id, weight }) => weight > 0 && !unreached.has(id))) return tasks;
  return tasks.map((task) => (unreached.has(task.id) ? { ...task, weight: 0 } : task));
}

/**
 * Tasks of peers that don't answer get no new connections, unless there is nobody else: to a peer that only seems dead
 * some get through, and nothing better is to be had.
 *
 * Connections that exist keep their real server, and go on if the peer comes back. A UDP flow would keep it too, for as
 * long as its client sends (ip_vs_in() of the kernel reschedules at weight 0 only what opens a connection), and all that
 * time nobody would get its datagrams: so for UDP the real server is taken out, and its flows go on with others at once.
 */
function sparingDeadPeers(tasks: readonly Task[], deadPeers: ReadonlySet<string>, protocol: Protocol): readonly Task[] {
  const living = tasks.filter(({ nodeId }) => !deadPeers.has(nodeId));
  if (living.length === tasks.length || !living.some(({ weight }) => weight > 0)) return tasks;
  return protocol === 'udp' ? living : tasks.map((task) => (deadPeers.has(task.nodeId) ? { ...task, weight: 0 } : task));
}

function groupByService(tasks: readonly Task[]): Map<string, Task[]> {
  const groups = new Map<string, Task[]>();
  for (const task of tasks) {
    const group = groups.get(task.serviceId);
    if (group === undefined) groups.set(task.serviceId, [task]);
    else group.push(task);
  }
  return groups;
}

function backend(task: Task, service: Service, port: PublishedPort): Backend {
  return {
    taskId: task.id,
    taskName: task.name,
    nodeId: task.nodeId,
    address: task.identity.address,
    port: deliveredPort(service, port),
    weight: task.weight,
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
