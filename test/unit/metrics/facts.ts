import { Instruments } from '../../../src/controller/instruments.js';
import type { MetricsFacts } from '../../../src/metrics/facts.js';
import type { ProcessFacts } from '../../../src/metrics/process.js';
import type { IpvsStatistics } from '../../../native/index.js';
import { connectionKey } from '../../../src/kernel/connections.js';
import { statusReport } from '../status-report.js';

export const traffic = (connections: bigint): IpvsStatistics => ({
  connections,
  incomingPackets: 10n * connections, outgoingPackets: 8n * connections, incomingBytes: 1_000n * connections, outgoingBytes: 9_000n * connections,
  connectionsPerSecond: 0n, incomingPacketsPerSecond: 0n, outgoingPacketsPerSecond: 0n, incomingBytesPerSecond: 0n, outgoingBytesPerSecond: 0n,
});

/** A node that serves tcp/8080 with two tasks, one of which drains, beside a dead peer. */
export function metricsFacts(different: Partial<MetricsFacts> = {}): MetricsFacts {
  const { ports, peers, nodes } = statusReport();
  const instruments = new Instruments({ now: () => 1_000, elapsed: () => 0 });
  instruments.heard([900]);
  instruments.begin().end('full', true);
  instruments.begin().end('incremental', false);
  return {
    version: '0.1.0',
    node: 'node1',
    programmed: true,
    source: { available: true, relay: { part: 'serves', revision: 7, followers: 2 } },
    queueDepth: 0,
    drainingTasks: 1,
    instruments,
    changes: { ipvs: { add: 2, change: 1 } },
    repairs: { iptables: 2 },
    conditions: [{ reason: 'PortConflict', object: { kind: 'service', id: 's2', name: 'api' }, message: 'nginx listens on tcp/8090' }],
    events: [{ type: 'Warning', reason: 'Repaired', count: 2 }],
    nodes,
    peers,
    ports,
    statistics: {
      ports: new Map([[0x61f90, traffic(12_345_678_901_234_567n)]]),
      realServers: new Map([
        [connectionKey(0x61f90, '10.0.0.5', 80), { weight: 1, active: 3, inactive: 12, traffic: traffic(7n) }],
        [connectionKey(0x61f90, '10.0.0.6', 80), { weight: 0, active: 1, inactive: 0, traffic: traffic(5n) }],
      ]),
    },
    ...different,
  };
}

export const processFacts: ProcessFacts = { cpuSeconds: 1.5, residentBytes: 80_000_000, heapUsedBytes: 30_000_000, openFiles: 25, startSeconds: 1_767_225_600, nodeVersion: '20.19.2' };
