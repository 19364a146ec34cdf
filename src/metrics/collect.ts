/** From the facts to the text of a scrape. Pure: what is gone from the facts is gone from the answer. */
import { conditionReasons } from '../cluster/condition.js';
import type { PeerState } from '../controller/peer-health.js';
import { syncKinds } from '../controller/instruments.js';
import { kinds, type Action } from '../kernel/change.js';
import { connectionKey } from '../kernel/connections.js';
import type { KernelStatistics, RealServerStatistics } from '../kernel/statistics.js';
import type { IpvsStatistics } from '../../native/index.js';
import { nextTurn } from '../next-turn.js';
import type { Backend, ServedPort } from '../plan/node-plan.js';
import type { LabelsOf } from './catalogue.js';
import { Exposition } from './exposition.js';
import type { MetricsFacts } from './facts.js';
import type { ProcessFacts } from './process.js';

const actions: readonly Action[] = ['add', 'change', 'remove'];
const peerStates: readonly PeerState[] = ['alive', 'dead', 'unknown'];

/** Real servers told in one turn of the event loop: some milliseconds. */
const realServersInOneTurn = 200;

/** Thousands of real servers take a while: the loop has its turn in between. */
export async function exposition(facts: MetricsFacts, own: ProcessFacts): Promise<string> {
  const to = new Exposition();
  addLoop(to, facts, own);
  addCluster(to, facts);
  const nodeNames = new Map(facts.nodes.map(({ id, name }) => [id, name]));
  let told = 0;
  for (const port of facts.ports) {
    addPort(to, port, facts.statistics, nodeNames);
    told += 1 + port.backends.length;
    if (told < realServersInOneTurn) continue;
    told = 0;
    await nextTurn();
  }
  for (const peer of facts.peers) addPeer(to, peer);
  addProcess(to, own);
  return to.text();
}

function addLoop(to: Exposition, facts: MetricsFacts, { nodeVersion }: ProcessFacts): void {
  const { instruments } = facts;
  to.add('routemesh_build_info', { version: facts.version, nodejs_version: nodeVersion, node: facts.node }, 1);
  to.add('routemesh_programmed', {}, Number(facts.programmed));
  to.addHistogram('routemesh_convergence_seconds', {}, instruments.convergence);
  for (const kind of syncKinds) {
    to.addHistogram('routemesh_sync_duration_seconds', { kind }, instruments.syncDurations[kind]);
    to.add('routemesh_sync_failures_total', { kind }, instruments.failures(kind));
  }
  to.add('routemesh_sync_queue_depth', {}, facts.queueDepth);
  // Told from the start, at 0: a rate needs the value before the first.
  for (const kind of kinds) {
    for (const action of actions) to.add('routemesh_changes_total', { kind, action }, facts.changes[kind]?.[action] ?? 0);
    to.add('routemesh_repairs_total', { kind }, facts.repairs[kind] ?? 0);
  }
  to.add('routemesh_draining_tasks', {}, facts.drainingTasks);
}

function addCluster(to: Exposition, { conditions, events, source }: MetricsFacts): void {
  for (const reason of conditionReasons) to.add('routemesh_conditions', { reason }, conditions.filter((condition) => condition.reason === reason).length);
  for (const { type, reason, count } of events) to.add('routemesh_events_total', { type, reason }, count);
  to.add('routemesh_source_available', {}, Number(source.available));
  to.add('routemesh_relay_followers', {}, source.relay?.followers ?? 0);
  if (source.relay !== null) to.add('routemesh_relay_revision', { part: source.relay.part }, source.relay.revision);
}

function addPort(to: Exposition, port: ServedPort, statistics: KernelStatistics, nodeNames: ReadonlyMap<string, string>): void {
  const labels = { protocol: port.protocol, port: String(port.published), service: port.serviceName };
  to.add('routemesh_port_real_servers', labels, port.backends.filter(({ weight }) => weight > 0).length);
  const traffic = statistics.ports.get(port.fwmark);
  if (traffic !== undefined) {
    to.add('routemesh_port_connections_total', labels, traffic.connections);
    for (const { direction, packets, bytes } of directions(traffic)) {
      const directed = { ...labels, direction };
      to.add('routemesh_port_packets_total', directed, packets);
      to.add('routemesh_port_bytes_total', directed, bytes);
    }
  }
  for (const backend of port.backends) {
    const found = statistics.realServers.get(connectionKey(port.fwmark, backend.address, backend.port));
    if (found !== undefined) addRealServer(to, { ...labels, ...labelsOf(backend, nodeNames) }, found);
  }
}

function labelsOf({ taskName, nodeId, address, port }: Backend, nodeNames: ReadonlyMap<string, string>) {
  return { task: taskName, node: nodeNames.get(nodeId) ?? nodeId, real_server: `${address}:${port}` };
}

function addRealServer(to: Exposition, labels: LabelsOf<'routemesh_real_server_weight'>, found: RealServerStatistics): void {
  to.add('routemesh_real_server_weight', labels, found.weight);
  to.add('routemesh_real_server_active_connections', labels, found.active);
  to.add('routemesh_real_server_inactive_connections', labels, found.inactive);
  to.add('routemesh_real_server_connections_total', labels, found.traffic.connections);
  for (const { direction, packets, bytes } of directions(found.traffic)) {
    const directed = { ...labels, direction };
    to.add('routemesh_real_server_packets_total', directed, packets);
    to.add('routemesh_real_server_bytes_total', directed, bytes);
  }
}

function directions({ incomingPackets, incomingBytes, outgoingPackets, outgoingBytes }: IpvsStatistics) {
  return [
    { direction: 'in', packets: incomingPackets, bytes: incomingBytes },
    { direction: 'out', packets: outgoingPackets, bytes: outgoingBytes },
  ];
}

function addPeer(to: Exposition, { name, address, state, roundTripMilliseconds, probes }: MetricsFacts['peers'][number]): void {
  const labels = { peer: name, address };
  for (const possible of peerStates) to.add('routemesh_peer_state', { ...labels, state: possible }, Number(possible === state));
  to.add('routemesh_peer_probes_total', labels, probes.sent);
  to.add('routemesh_peer_probes_lost_total', labels, probes.lost);
  if (roundTripMilliseconds !== null) to.add('routemesh_peer_round_trip_seconds', labels, roundTripMilliseconds / 1_000);
}

function addProcess(to: Exposition, own: ProcessFacts): void {
  to.add('process_cpu_seconds_total', {}, own.cpuSeconds);
  to.add('process_resident_memory_bytes', {}, own.residentBytes);
  if (own.openFiles !== null) to.add('process_open_fds', {}, own.openFiles);
  to.add('process_start_time_seconds', {}, own.startSeconds);
  to.add('nodejs_heap_used_bytes', {}, own.heapUsedBytes);
}
