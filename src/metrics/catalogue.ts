/**
 * Every metric once: its type, its labels, what it says. docs/metrics.md lists the same (a test compares), and nothing is
 * told that is not in here.
 */
export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface MetricDescription {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
}

const port = ['protocol', 'port', 'service'] as const;
const realServer = [...port, 'task', 'node', 'real_server'] as const;
const peer = ['peer', 'address'] as const;

export const catalogue = {
  routemesh_build_info: { type: 'gauge', help: 'Always 1; the versions are in the labels.', labels: ['version', 'nodejs_version', 'node'] },
  routemesh_programmed: { type: 'gauge', help: 'Is the kernel as planned after the last sync (1) or not (0)?', labels: [] },
  routemesh_convergence_seconds: { type: 'histogram', help: 'From a change of a service or task, by the time that Docker gives it, to the end of the sync that programmed it.', labels: [] },
  routemesh_sync_duration_seconds: { type: 'histogram', help: 'Duration of syncs: full (the kernel was looked at), partial (it was where it hinted at a change), incremental (only what the new plan changes), urgent (real servers that must take no more, or may take some now).', labels: ['kind'] },
  routemesh_sync_failures_total: { type: 'counter', help: 'Syncs that did not leave the kernel wholly as planned.', labels: ['kind'] },
  routemesh_sync_queue_depth: { type: 'gauge', help: 'Reasons that wait for the next sync.', labels: [] },
  routemesh_changes_total: { type: 'counter', help: 'Kernel objects that were changed, repairs among them.', labels: ['kind', 'action'] },
  routemesh_repairs_total: { type: 'counter', help: 'Kernel objects that somebody else had changed and that were put right.', labels: ['kind'] },
  routemesh_draining_tasks: { type: 'gauge', help: 'Tasks that keep their connections and get no new ones.', labels: [] },
  routemesh_conditions: { type: 'gauge', help: 'Conditions that hold now, by reason.', labels: ['reason'] },
  routemesh_events_total: { type: 'counter', help: 'Events since the start, by type and reason.', labels: ['type', 'reason'] },
  routemesh_source_available: { type: 'gauge', help: 'Does the source of the cluster state answer (1), or is the last good state served (0)?', labels: [] },
  routemesh_relay_followers: { type: 'gauge', help: 'Nodes that follow this manager’s relay.', labels: [] },
  routemesh_relay_revision: { type: 'gauge', help: 'Revision of the cluster state that this node serves or follows; it begins anew with each history.', labels: ['part'] },
  routemesh_port_real_servers: { type: 'gauge', help: 'Real servers of a published port that take new connections.', labels: port },
  routemesh_port_connections_total: { type: 'counter', help: 'Connections that IPVS has scheduled for a published port.', labels: port },
  routemesh_port_packets_total: { type: 'counter', help: 'Packets of a published port, to (in) and from (out) its real servers.', labels: [...port, 'direction'] },
  routemesh_port_bytes_total: { type: 'counter', help: 'Bytes of a published port, to (in) and from (out) its real servers.', labels: [...port, 'direction'] },
  routemesh_real_server_weight: { type: 'gauge', help: 'Weight in the kernel; 0 takes no new connections.', labels: realServer },
  routemesh_real_server_active_connections: { type: 'gauge', help: 'Connections that are established.', labels: realServer },
  routemesh_real_server_inactive_connections: { type: 'gauge', help: 'Connections that IPVS still remembers, but that are not established.', labels: realServer },
  routemesh_real_server_connections_total: { type: 'counter', help: 'Connections that IPVS has scheduled to a real server.', labels: realServer },
  routemesh_real_server_packets_total: { type: 'counter', help: 'Packets to (in) and from (out) a real server.', labels: [...realServer, 'direction'] },
  routemesh_real_server_bytes_total: { type: 'counter', help: 'Bytes to (in) and from (out) a real server.', labels: [...realServer, 'direction'] },
  routemesh_peer_state: { type: 'gauge', help: '1 for the state that a peer is in: alive, dead or unknown; 0 for the others.', labels: [...peer, 'state'] },
  routemesh_peer_probes_total: { type: 'counter', help: 'Echo requests sent to a peer through the fabric.', labels: peer },
  routemesh_peer_probes_lost_total: { type: 'counter', help: 'Echo requests that a peer never answered.', labels: peer },
  routemesh_peer_round_trip_seconds: { type: 'gauge', help: 'Round trip of the last echo that a peer answered.', labels: peer },
  process_cpu_seconds_total: { type: 'counter', help: 'User and system CPU time of the controller.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the controller.', labels: [] },
  process_open_fds: { type: 'gauge', help: 'Open file descriptors of the controller.', labels: [] },
  process_start_time_seconds: { type: 'gauge', help: 'When the controller started, in seconds since 1970.', labels: [] },
  nodejs_heap_used_bytes: { type: 'gauge', help: 'Used part of the JavaScript heap.', labels: [] },
} as const satisfies Readonly<Record<string, MetricDescription>>;

export type MetricName = keyof typeof catalogue;

export const metricNames = Object.keys(catalogue) as MetricName[];

/** The labels that a metric has, each with its value. */
export type LabelsOf<Name extends MetricName> = Readonly<Record<(typeof catalogue)[Name]['labels'][number], string>>;

export type NamesOfType<Type extends MetricType> = { [Name in MetricName]: (typeof catalogue)[Name]['type'] extends Type ? Name : never }[MetricName];
