/** What the controller reports and IPVS counts → what the page draws. Pure. */
import type { IpvsStatistics } from '../../native/index.js';
import type { Condition } from '../cluster/condition.js';
import { byName } from '../cluster/sorting.js';
import type { ClusterNode } from '../cluster/state.js';
import { isHealthy, isUnserved, type BackendReport, type PortReport, type StatusReport } from '../controller/report.js';
import type { PeerReport } from '../controller/peer-watch.js';
import { connectionKey } from '../kernel/connections.js';
import type { KernelStatistics } from '../kernel/statistics.js';
import type { VirtualService } from '../plan/objects.js';
import type { Figures, MeshHealth, MeshNode, MeshPort, MeshServer, MeshSnapshot, MeshTrouble, NodeState, ServerState } from '../page/wire.js';

/** How long a real server that is gone is still shown, in milliseconds. */
const farewellMilliseconds = 8_000;

export interface ViewedMesh {
  readonly report: StatusReport;
  readonly statistics: KernelStatistics;
  /** As planned, by firewall mark. */
  readonly scheduling: ReadonlyMap<number, Scheduling>;
  /** Name of the namespace of IPVS. */
  readonly sandbox: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export type Scheduling = Pick<VirtualService, 'scheduler' | 'affinitySeconds'>;

/** `previous`: the snapshot before this one, whose real servers are missed where they are gone. */
export function meshView(viewed: ViewedMesh, previous: MeshSnapshot | null): MeshSnapshot {
  const { report, sandbox, now } = viewed;
  const nodes = nodesOf(report);
  const silent = new Set(nodes.filter(({ state }) => state === 'silent' || state === 'down').map(({ id }) => id));
  const before = new Map((previous?.ports ?? []).map((port) => [port.id, port.servers]));
  return {
    at: now,
    version: report.version,
    node: report.node,
    sandbox,
    health: healthOf(report),
    troubles: troublesOf(report),
    repairs: Object.values(report.repairs).reduce((sum, count) => sum + count, 0),
    nodes,
    ports: report.ports.map((port) => portOf(port, viewed, silent, before.get(portId(port)) ?? [])),
  };
}

function portId({ protocol, published }: Pick<PortReport, 'protocol' | 'published'>): string {
  return `${protocol}/${published}`;
}

function portOf(port: PortReport, { statistics, scheduling, now }: ViewedMesh, silent: ReadonlySet<string>, before: readonly MeshServer[]): MeshPort {
  const service = statistics.ports.get(port.fwmark);
  const planned = service === undefined ? undefined : scheduling.get(port.fwmark);
  const servers = port.backends.map((backend) => serverOf(port, backend, statistics, silent));
  const present = new Set(servers.map(({ id }) => id));
  const gone = before.filter(({ id }) => !present.has(id)).flatMap((server) => farewell(server, now));
  return {
    id: portId(port),
    protocol: port.protocol,
    published: port.published,
    serviceId: port.serviceId,
    service: port.serviceName,
    accepting: port.accepting,
    scheduler: planned?.scheduler ?? null,
    persistenceSeconds: planned?.affinitySeconds ?? null,
    servers: [...servers, ...gone],
    figures: sumOf(service, servers),
  };
}

function serverOf(port: PortReport, backend: BackendReport, { realServers }: KernelStatistics, silent: ReadonlySet<string>): MeshServer {
  const { taskId, taskName, nodeId, address, weight } = backend;
  const known = realServers.get(connectionKey(port.fwmark, address, backend.port));
  return {
    id: `${portId(port)} ${address}:${backend.port}`,
    taskId,
    task: taskName,
    nodeId,
    address,
    port: backend.port,
    weight,
    state: stateOf(weight, silent.has(nodeId)),
    figures: known === undefined ? nothing : figuresOf(known.traffic, known),
  };
}

function stateOf(weight: number, isSilent: boolean): ServerState {
  if (isSilent) return 'unreachable';
  return weight === 0 ? 'draining' : 'serving';
}

function farewell(server: MeshServer, now: number): MeshServer[] {
  const goneAt = server.goneAt ?? now;
  if (now - goneAt >= farewellMilliseconds) return [];
  return [{ ...server, weight: 0, state: 'gone', goneAt, figures: { ...nothing, connections: server.figures.connections } }];
}

const nothing: Figures = { connections: 0, connectionsPerSecond: 0, active: 0, inactive: 0, incomingBytesPerSecond: 0, outgoingBytesPerSecond: 0 };

function figuresOf(statistics: IpvsStatistics, { active, inactive }: Pick<Figures, 'active' | 'inactive'>): Figures {
  return {
    connections: Number(statistics.connections),
    connectionsPerSecond: Number(statistics.connectionsPerSecond),
    active,
    inactive,
    incomingBytesPerSecond: Number(statistics.incomingBytesPerSecond),
    outgoingBytesPerSecond: Number(statistics.outgoingBytesPerSecond),
  };
}

/** Counters are the virtual service's own, which those of real servers that went away are part of. */
function sumOf(service: IpvsStatistics | undefined, servers: readonly MeshServer[]): Figures {
  const sum = (which: 'active' | 'inactive') => servers.reduce((total, { figures }) => total + figures[which], 0);
  const counted = { active: sum('active'), inactive: sum('inactive') };
  return service === undefined ? { ...nothing, ...counted } : figuresOf(service, counted);
}

function nodesOf(report: StatusReport): MeshNode[] {
  const peers = new Map(report.peers.map((peer) => [peer.id, peer]));
  return report.nodes
    .map((node) => nodeOf(node, peers.get(node.id), report.node.id))
    .sort((one, other) => Number(other.state === 'here') - Number(one.state === 'here') || byName(one.name, other.name));
}

function nodeOf({ id, name, address, ready }: ClusterNode, peer: PeerReport | undefined, own: string): MeshNode {
  const state: NodeState = id === own ? 'here' : !ready ? 'down' : nodeStates[peer?.state ?? 'unknown'];
  return { id, name, address, state, roundTripMilliseconds: state === 'alive' ? coarse(peer?.roundTripMilliseconds ?? null) : null };
}

const nodeStates: Readonly<Record<PeerReport['state'], NodeState>> = { alive: 'alive', dead: 'silent', unknown: 'unknown' };

/** One significant digit: the page is told what matters, not each microsecond. */
function coarse(milliseconds: number | null): number | null {
  return milliseconds === null ? null : Number(milliseconds.toPrecision(1));
}

function healthOf(report: StatusReport): MeshHealth {
  const unserved = report.conditions.filter(isUnserved).length;
  const accepting = report.ports.filter((port) => port.accepting).length;
  if (report.lastSync === null) return { level: 'starting', headline: 'Starting: the kernel is not programmed yet' };
  if (!report.programmed) return { level: 'unhealthy', headline: `Not programmed: ${count(report.lastSync.failures.length, 'failure')} in the last sync; it is tried again` };
  if (!isHealthy(report)) return { level: 'unhealthy', headline: `Not all is served: ${count(unserved, 'condition')} in the way` };
  const served = accepting === 0 ? 'nothing is published yet' : `${count(accepting, 'published port')} served`;
  if (report.conditions.length > 0 || !report.source.available) return { level: 'attention', headline: `${capital(served)}, with something to look at` };
  return { level: 'healthy', headline: `Healthy: ${served}` };
}

/** Serious ones first. Failures of a sync are conditions as well, as a rule; those that are not are told here. */
function troublesOf(report: StatusReport): MeshTrouble[] {
  const { source, lastSync, conditions } = report;
  const told = new Set(conditions.map(({ message }) => message));
  const failures = (lastSync?.failures ?? []).filter((failure) => !told.has(failure));
  const isSourceTold = source.available || conditions.some(({ reason }) => reason === 'SourceUnavailable');
  const all = [
    ...failures.map((message): MeshTrouble => ({ reason: 'SyncFailed', object: `node ${report.node.name}`, message, serious: true })),
    ...(isSourceTold ? [] : [{ reason: 'SourceUnavailable', object: `source ${source.description}`, message: source.error ?? 'it was not asked yet', serious: false }]),
    ...conditions.map(troubleOf),
  ];
  return [...all.filter(({ serious }) => serious), ...all.filter(({ serious }) => !serious)];
}

function troubleOf(condition: Condition): MeshTrouble {
  const { reason, object, message } = condition;
  return { reason, object: `${object.kind} ${object.name}`, message, serious: isUnserved(condition) };
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
