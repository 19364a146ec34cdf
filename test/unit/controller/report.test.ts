import { expect, it } from '@jest/globals';
import { portReports } from '../../../src/controller/report.js';
import { connectionKey } from '../../../src/kernel/connections.js';
import type { RealServerStatistics } from '../../../src/kernel/statistics.js';
import { plan } from '../../../src/plan/plan.js';
import { cluster, contextFor, port, service, task } from '../plan/fixtures.js';

it('a status tells the connections of each real server, and none of what else IPVS counts: JSON does not know its numbers', () => {
  const state = cluster({ services: [service('web', [port(8080, 80)])], tasks: [task('web', 1), task('web', 2)] });
  const { ports } = plan(state, contextFor(state));
  const traffic = { connections: 5n, incomingPackets: 1n, outgoingPackets: 1n, incomingBytes: 1n, outgoingBytes: 1n } as unknown as RealServerStatistics['traffic'];
  const counts = new Map<string, RealServerStatistics>([[connectionKey(0x61f90, '10.0.0.5', 80), { active: 3, inactive: 1, weight: 1, traffic }]]);

  const told = JSON.parse(JSON.stringify(portReports(ports, counts))) as ReturnType<typeof portReports>;

  expect(told[0]?.backends.map(({ address, connections }) => [address, connections])).toEqual([['10.0.0.5', { active: 3, inactive: 1 }], ['10.0.0.6', null]]);
});
