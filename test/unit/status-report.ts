import type { StatusReport } from '../../src/controller/report.js';

/** A healthy node that serves one port with two tasks. */
export function statusReport(different: Partial<StatusReport> = {}): StatusReport {
  return {
    version: '0.1.0',
    node: { id: 'n1', name: 'node1' },
    programmed: true,
    startedAt: '2026-01-01T10:00:00.000Z',
    uptimeSeconds: 7380,
    source: { description: 'docker on /var/run/docker.sock', available: true, since: '2026-01-01T10:00:01.000Z' },
    lastSync: { at: '2026-01-01T12:02:58.000Z', durationMilliseconds: 18, reason: 'resync', changes: 0, failures: [] },
    syncs: 1203,
    repairs: { iptables: 2, ipvs: 1 },
    peers: [{ id: 'n2', name: 'node2', address: '192.168.56.12', router: '100.104.56.12', state: 'dead', silentMilliseconds: 12_000, roundTripMilliseconds: 0.4, probes: { sent: 600, lost: 60 } }],
    nodes: [
      { id: 'n1', name: 'node1', address: '192.168.56.11', ready: true },
      { id: 'n2', name: 'node2', address: '192.168.56.12', ready: false },
    ],
    ports: [
      {
        protocol: 'tcp',
        published: 8080,
        fwmark: 0x61f90,
        serviceId: 's1',
        serviceName: 'web',
        accepting: true,
        backends: [
          { taskId: 't1', taskName: 'web.1', nodeId: 'n1', address: '10.0.0.5', port: 80, weight: 1, connections: { active: 3, inactive: 12 } },
          { taskId: 't2', taskName: 'web.2', nodeId: 'n1', address: '10.0.0.6', port: 80, weight: 0, connections: null },
        ],
      },
    ],
    conditions: [],
    events: [],
    ...different,
  };
}
