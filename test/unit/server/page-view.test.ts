import { describe, expect, it } from '@jest/globals';
import type { StatusReport } from '../../../src/controller/report.js';
import { connectionKey } from '../../../src/kernel/connections.js';
import type { KernelStatistics } from '../../../src/kernel/statistics.js';
import type { MeshSnapshot } from '../../../src/page/wire.js';
import { newsBetween } from '../../../src/server/page-difference.js';
import { meshView } from '../../../src/server/page-view.js';
import { statusReport } from '../status-report.js';

const now = Date.parse('2026-01-01T12:03:00Z');
const mark = 0x61f90;

function counted(connections = 40n, rate = 3n): KernelStatistics {
  const traffic = {
    connections, incomingPackets: 400n, outgoingPackets: 300n, incomingBytes: 40_000n, outgoingBytes: 900_000n,
    connectionsPerSecond: rate, incomingPacketsPerSecond: 30n, outgoingPacketsPerSecond: 20n, incomingBytesPerSecond: 300n, outgoingBytesPerSecond: 9_000n,
  };
  return {
    ports: new Map([[mark, traffic]]),
    realServers: new Map([[connectionKey(mark, '10.0.0.5', 80), { weight: 1, active: 3, inactive: 12, traffic }]]),
  };
}

const nothing: KernelStatistics = { ports: new Map(), realServers: new Map() };

function view(report: Partial<StatusReport> = {}, previous: MeshSnapshot | null = null, statistics = counted(), at = now): MeshSnapshot {
  return meshView({ report: statusReport({ peers: [{ ...peer, state: 'alive' }], nodes: nodes(), ...report }), statistics, scheduling: new Map([[mark, { scheduler: 'wlc', affinitySeconds: null }]]), sandbox: 'mesh_sbox', now: at }, previous);
}

const peer = { id: 'n2', name: 'node2', address: '192.168.56.12', router: '100.104.56.12', silentMilliseconds: 20, roundTripMilliseconds: 0.4321, probes: { sent: 10, lost: 0 } };
const nodes = (ready = true) => [
  { id: 'n2', name: 'node2', address: '192.168.56.12', ready },
  { id: 'n1', name: 'node1', address: '192.168.56.11', ready: true },
];

/** The service's second task lives on the other node. */
function ports(weight = 1): StatusReport['ports'] {
  const [port] = statusReport().ports;
  if (port === undefined) throw new Error('no port');
  return [{ ...port, backends: port.backends.map((backend, index) => (index === 0 ? backend : { ...backend, nodeId: 'n2', weight })) }];
}

describe('what the page draws', () => {
  it('is each real server with its weight, its connections and its rate, as IPVS has them', () => {
    const [port] = view().ports;
    expect(port).toMatchObject({ id: 'tcp/8080', service: 'web', scheduler: 'wlc', figures: { connections: 40, connectionsPerSecond: 3, active: 3, inactive: 12 } });
    expect(port?.servers[0]).toMatchObject({ id: 'tcp/8080 10.0.0.5:80', task: 'web.1', weight: 1, state: 'serving', figures: { active: 3, inactive: 12, outgoingBytesPerSecond: 9_000 } });
  });

  it('tells those who drain from those whose node does not answer', () => {
    expect(view({ ports: ports(0) }).ports[0]?.servers[1]?.state).toBe('draining');
    expect(view({ ports: ports(0), peers: [{ ...peer, state: 'dead' }] }).ports[0]?.servers[1]?.state).toBe('unreachable');
    expect(view({ ports: ports(0), nodes: nodes(false) }).ports[0]?.servers[1]?.state).toBe('unreachable');
  });

  it('shows a real server that went away for a moment, and then no more', () => {
    const before = view();
    const [port] = statusReport().ports;
    const left = { ports: port === undefined ? [] : [{ ...port, backends: port.backends.slice(0, 1) }] };
    const after = view(left, before, counted(), now + 1_000);
    expect(after.ports[0]?.servers.map(({ task, state }) => [task, state])).toEqual([['web.1', 'serving'], ['web.2', 'gone']]);
    expect(view(left, after, counted(), now + 5_000).ports[0]?.servers).toHaveLength(2);
    expect(view(left, after, counted(), now + 9_001).ports[0]?.servers).toHaveLength(1);
  });

  it('has this node first, and measures peers coarsely, for their times never stand still', () => {
    expect(view().nodes.map(({ name, state, roundTripMilliseconds }) => [name, state, roundTripMilliseconds])).toEqual([['node1', 'here', null], ['node2', 'alive', 0.4]]);
  });

  it('is there before IPVS is', () => {
    expect(view({}, null, nothing).ports[0]).toMatchObject({ scheduler: null, figures: { connections: 0 } });
  });

  it.each<[string, Partial<StatusReport>, string]>([
    ['nothing is wrong', {}, 'healthy'],
    ['no sync has ended', { lastSync: null, programmed: false }, 'starting'],
    ['a change was refused', { programmed: false, lastSync: { at: '', durationMilliseconds: 1, reason: 'resync', changes: 0, failures: ['sandbox: add route: refused'] } }, 'unhealthy'],
    ['a port is another program’s', { conditions: [{ reason: 'PortConflict', object: { kind: 'service', id: 's2', name: 'api' }, message: 'nginx listens on tcp/80' }] }, 'unhealthy'],
    ['a peer is silent', { conditions: [{ reason: 'PeerUnreachable', object: { kind: 'node', id: 'n2', name: 'node2' }, message: 'it does not answer' }] }, 'attention'],
    ['no peer answers', { conditions: [{ reason: 'CutOff', object: { kind: 'node', id: 'n1', name: 'node1' }, message: 'no peer answers' }] }, 'unhealthy'],
    ['Docker does not answer', { source: { description: 'docker', available: false, since: '', error: 'ECONNREFUSED' } }, 'attention'],
  ])('says how it is, and why, when %s', (_when, report, level) => {
    const { health, troubles } = view(report);
    expect(health.level).toBe(level);
    expect(troubles.length > 0).toBe(level !== 'healthy' && level !== 'starting');
  });

  it('tells the serious first, and each failure once', () => {
    const { troubles } = view({
      programmed: false,
      lastSync: { at: '', durationMilliseconds: 1, reason: 'resync', changes: 0, failures: ['route: refused'] },
      conditions: [
        { reason: 'PeerUnreachable', object: { kind: 'node', id: 'n2', name: 'node2' }, message: 'it does not answer' },
        { reason: 'SyncFailed', object: { kind: 'node', id: 'n1', name: 'node1' }, message: 'route: refused' },
      ],
    });
    expect(troubles.map(({ reason, serious }) => [reason, serious])).toEqual([['SyncFailed', true], ['PeerUnreachable', false]]);
  });
});

describe('what is told to a page', () => {
  it('is nothing while nothing changes, but time', () => {
    expect(newsBetween(view(), view({ uptimeSeconds: 9_999, syncs: 5_000 }, null, counted(), now + 60_000))).toBeNull();
  });

  it('is only the figures that did', () => {
    const news = newsBetween(view(), view({}, null, counted(41n, 4n), now + 1_000));
    expect(news).toMatchObject({ kind: 'figures', data: { at: now + 1_000 } });
    expect(Object.keys(news?.kind === 'figures' ? news.data.figures : {})).toEqual(['tcp/8080', 'tcp/8080 10.0.0.5:80']);
  });

  it('is everything when a weight changes', () => {
    expect(newsBetween(view({ ports: ports(1) }), view({ ports: ports(0) }))?.kind).toBe('snapshot');
  });
});
