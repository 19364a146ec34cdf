import { describe, expect, it } from '@jest/globals';
import type { IpvsStatistics, ObservedDestination, ObservedVirtualService } from '../../../../native/index.js';
import { plainColours } from '../../../../src/cli/output.js';
import { sampleOf, type CountedService, type Names } from '../../../../src/cli/top/sample.js';
import { linesOf, press, type TopState } from '../../../../src/cli/top/state.js';
import { renderTop, short } from '../../../../src/cli/top/view.js';
import { widthOf } from '../../../../src/cli/width.js';
import { fwmarkOf } from '../../../../src/plan/fwmark.js';
import { statusReport } from '../../status-report.js';

const statistics = (connectionsPerSecond: number, bytes: number): IpvsStatistics => ({
  connections: 1000n + BigInt(connectionsPerSecond), incomingPackets: 7n, outgoingPackets: 8n, incomingBytes: 9n, outgoingBytes: 10n,
  connectionsPerSecond: BigInt(connectionsPerSecond), incomingPacketsPerSecond: 40n, outgoingPacketsPerSecond: 50n,
  incomingBytesPerSecond: BigInt(bytes), outgoingBytesPerSecond: BigInt(bytes * 2),
});

const destination = (address: string, weight: number, connectionsPerSecond: number): ObservedDestination => ({
  address, port: 80, weight, forwarding: 'masquerade', tunnel: undefined, upperThreshold: 0, lowerThreshold: 0,
  activeConnections: connectionsPerSecond * 2, inactiveConnections: 1, persistentConnections: 0, statistics: statistics(connectionsPerSecond, 1200),
});

const virtualService = (fwmark: number, connectionsPerSecond: number): ObservedVirtualService => ({
  key: { kind: 'fwmark', family: 'inet', fwmark }, scheduler: 'rr', persistenceSeconds: undefined, persistencePrefixLength: 32, onePacket: false,
  schedulerFlags: { flag1: false, flag2: false, flag3: false }, persistenceEngine: undefined, flags: 0, statistics: statistics(connectionsPerSecond, 2_400_000),
});

const counted: CountedService[] = [
  { service: virtualService(fwmarkOf('udp', 53), 0), servers: [] },
  { service: virtualService(fwmarkOf('tcp', 8080), 31), servers: [destination('10.0.0.5', 1, 11), destination('10.0.0.6', 0, 20)] },
];
const at = new Date('2026-01-01T12:00:00Z');
const state: TopState = { sort: 'connections', per: 'port', offset: 0 };
const named = (names: Names = statusReport()) => sampleOf(counted, names, at);
const render = (more: Partial<TopState> = {}, columns: number | null = null, rows: number | null = null, sample = named()) => renderTop(sample, { ...state, ...more }, { columns, colours: plainColours }, rows);

describe('a sample', () => {
  it('has IPVS’s own counters and rates by port and real server, with the names that the controller knows', () => {
    const [tcp, udp] = named().ports;
    expect(tcp).toMatchObject({ port: 'tcp/8080', service: 'web', accepting: true, connections: 1031, connectionsPerSecond: 31, active: 62, inactive: 2, bytesInPerSecond: 2_400_000 });
    expect(tcp?.servers).toMatchObject([{ address: '10.0.0.5', task: 'web.1', node: 'node1', weight: 1, connectionsPerSecond: 11 }, { address: '10.0.0.6', task: 'web.2', weight: 0 }]);
    expect(udp).toMatchObject({ port: 'udp/53', service: null, servers: [] });
  });

  it('is whole without a controller, but for names', () => {
    const sample = named(null);
    expect(sample).toMatchObject({ node: null, ports: [{ port: 'tcp/8080', service: null, connectionsPerSecond: 31 }, { port: 'udp/53' }] });
    expect(() => JSON.stringify(sample)).not.toThrow();
  });
});

describe('the list', () => {
  it('is sorted by what was chosen, largest first', () => {
    const servers = (sort: TopState['sort']) => linesOf(named(), { sort, per: 'server' }).map(({ server }) => server?.address);
    expect(servers('connections')).toEqual(['10.0.0.6', '10.0.0.5']);
    expect(servers('name')).toEqual(['10.0.0.5', '10.0.0.6']);
  });

  it('keys choose what is sorted by and listed, and never scroll out of it', () => {
    expect(press(state, 's', 2, 10).sort).toBe('active');
    expect(press(state, 'left', 2, 10).sort).toBe('name');
    expect(press(state, 'p', 2, 10).per).toBe('server');
    expect(press({ ...state, offset: 3 }, 'p', 2, 10).offset).toBe(0);
    expect(press(state, 'up', 20, 10).offset).toBe(0);
    expect(press(state, 'page down', 25, 10).offset).toBe(10);
    expect(press({ ...state, offset: 10 }, 'page down', 15, 10).offset).toBe(5);
    expect(press(state, 'x', 2, 10)).toBe(state);
  });
});

describe('top for people', () => {
  it('shows at one look: totals, then each port with what flows', () => {
    expect(render()).toBe(`node1  12:00:00  2 ports, 2 real servers
31 connections/s, 62 active; in 4.8MB/s, out 9.6MB/s

  PORT      SERVICE  SERVERS  CONN/S  ACTIVE  INACTIVE  IN B/S  OUT B/S  IN P/S  OUT P/S
  tcp/8080  web            2      31      62         2    2.4M     4.8M      40       50
  udp/53    -              0       0       0         0    2.4M     4.8M      40       50
`);
  });

  it.each([60, 80, 160])('stays inside a terminal of %i columns, by port and by real server, with long and wide names', (columns) => {
    const [port] = statusReport().ports;
    if (port === undefined) throw new Error('no port');
    const names = statusReport({ ports: [{ ...port, serviceName: '网页服务🚀-with-a-name-that-goes-on-and-on', backends: port.backends.map((backend) => ({ ...backend, taskName: `网页服务🚀-with-a-name-that-goes-on-and-on.${backend.taskId}` })) }] });
    for (const per of ['port', 'server'] as const) {
      const text = render({ per }, columns, 24, named(names));
      expect(Math.max(...text.split('\n').map(widthOf))).toBeLessThanOrEqual(columns);
      for (const word of ['tcp/8080', 'CONN/S', 'ACTIVE', 'IN B/S', 'OUT B/S', 'q quit']) expect(text).toContain(word);
    }
  });

  it('shows as many lines as the terminal has room for, and which of how many', () => {
    const many = sampleOf(Array.from({ length: 50 }, (_, index) => ({ service: virtualService(fwmarkOf('tcp', 1000 + index), 50 - index), servers: [] })), null, at);
    const text = render({ offset: 10 }, 80, 24, many);
    expect(text.trimEnd().split('\n')).toHaveLength(24);
    expect(text).toContain('11–28 of 50');
    expect(text).toContain('tcp/1010');
    expect(text).not.toContain('tcp/1009 ');
  });

  it('names ports by their marks where no controller knows them', () => {
    expect(render({ per: 'server' }, null, null, named(null))).toMatch(/PORT +MARK +REAL SERVER +WEIGHT +CONN\/S/);
  });

  it('keeps a stranger’s control characters out of the terminal', () => {
    const names = statusReport({ node: { id: 'n', name: 'a\u001b[2J' } });
    expect(render({}, 80, 24, named(names))).not.toContain('\u001b');
  });

  it.each([[0, '0'], [999, '999'], [1000, '1.0k'], [9_949, '9.9k'], [9_960, '10k'], [34_000, '34k'], [999_499, '999k'], [999_600, '1.0M'], [5_600_000, '5.6M'], [1e12, '1.0T']])('%d is %s', (number, text) => {
    expect(short(number)).toBe(text);
  });
});
