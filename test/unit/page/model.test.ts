import { describe, expect, it } from '@jest/globals';
import { countTasks, filterSnapshot } from '../../../src/page/filter.js';
import { ago, bytesPerSecond, short } from '../../../src/page/format.js';
import { newConnections, noFigures, RateHistory, shownRate, totals, withFigures } from '../../../src/page/model.js';
import { linksOfChosen, sceneOf } from '../../../src/page/scene.js';
import { sparkPath } from '../../../src/page/spark-path.js';
import type { MeshSnapshot } from '../../../src/page/wire.js';
import { syntheticMesh } from '../../support/synthetic-mesh.js';

const size = { nodes: 3, services: 2, tasks: 6, rate: 40 };
const mesh = (second = 0): MeshSnapshot => syntheticMesh(size, second);

describe('what is new', () => {
  it('is laid over the snapshot, and nothing else changes', () => {
    const figures = { ...noFigures, connections: 7, connectionsPerSecond: 3 };
    const next = withFigures(mesh(), { at: 5, figures: { 'tcp/8080': figures } });
    expect(next.ports[0]?.figures).toEqual(figures);
    expect(next.ports[1]).toEqual(mesh().ports[1]);
    expect(next.at).toBe(5);
  });

  it('counts each new connection once, by its real server', () => {
    const fresh = newConnections(mesh(10), mesh(12));
    const sum = [...fresh.values()].reduce((total, number) => total + number, 0);
    expect(sum).toBe(totals(mesh(12)).connections - totals(mesh(10)).connections);
    expect(newConnections(mesh(12), mesh(12)).size).toBe(0);
  });

  it('takes a counter that began anew for no connections, instead of for less than none', () => {
    expect(newConnections(mesh(12), mesh(10)).size).toBe(0);
    expect(newConnections(null, mesh(10)).size).toBe(0);
  });

  it('shows that a little is not nothing', () => {
    expect(short(shownRate(noFigures, true))).toBe('<1');
    expect(short(shownRate(noFigures, false))).toBe('0');
  });

  it('keeps a minute of each rate, and nothing of what is gone', () => {
    const history = new RateHistory(3);
    for (const rate of [1, 2, 3, 4]) history.add(new Map([['port', rate], ['other', 0]]));
    expect(history.of('port')).toEqual([2, 3, 4]);
    history.add(new Map([['port', 5]]));
    expect(history.of('other')).toEqual([]);
  });
});

describe('the filter', () => {
  it.each([
    ['a task', 'web.2', 1],
    ['a service', 'api', 3],
    ['a port', 'tcp/8080', 3],
    ['a node', 'h2', 2],
    ['an address', '10.0.0.7', 1],
    ['two words at once', 'web h2', 1],
    ['no matter how it is written', 'WEB', 3],
    ['nothing at all', '  ', 6],
    ['what nobody is called', 'zebra', 0],
  ])('finds %s', (_what, query, tasks) => {
    expect(countTasks(filterSnapshot(mesh(), query))).toBe(tasks);
  });

  it('finds those who drain, which is what people look for', () => {
    const found = filterSnapshot(syntheticMesh({ nodes: 50, services: 40, tasks: 500, trouble: true }), 'draining');
    expect(new Set(found.ports.flatMap(({ servers }) => servers.map(({ state }) => state)))).toEqual(new Set(['draining']));
  });

  it('takes a pattern’s signs for what they are', () => {
    expect(countTasks(filterSnapshot(mesh(), '.*'))).toBe(0);
  });
});

describe('the scene', () => {
  it('shows a task that serves two ports once, with a link from each', () => {
    const [port] = mesh().ports;
    if (port === undefined) throw new Error('no port');
    const twice = { ...mesh(), ports: [port, { ...port, id: 'udp/53', servers: port.servers.map((server) => ({ ...server, id: `udp/53 ${server.address}:53` })) }] };
    const { groups, links } = sceneOf(twice);
    expect(groups.flatMap(({ tasks }) => tasks)).toHaveLength(3);
    expect(links.filter(({ to }) => to === 'task:t0').map(({ from }) => from)).toEqual(['port:tcp/8080', 'port:udp/53']);
  });

  it('shows tasks of a node that the cluster does not know', () => {
    const { groups } = sceneOf({ ...mesh(), nodes: mesh().nodes.slice(0, 1) });
    expect(groups.map(({ node }) => node.name)).toEqual(['h1', 'n1', 'n2']);
  });

  it('draws the links of a port that is pointed at among many', () => {
    const scene = sceneOf(syntheticMesh({ nodes: 50, services: 40, tasks: 500 }));
    expect(linksOfChosen(scene, 'port:tcp/8080')).toHaveLength(scene.ports[0]?.servers.length ?? 0);
    expect(linksOfChosen(scene, 'node:n3').every(({ to }) => to === 'node:n3')).toBe(true);
  });
});

describe('numbers', () => {
  it.each([[0, '0'], [0.2, '<1'], [7, '7'], [999, '999'], [1000, '1.0k'], [12_345, '12.3k'], [123_456, '123k'], [999_600, '1.0M'], [3.2e9, '3.2G']])('%d is %s', (value, text) => {
    expect(short(value)).toBe(text);
  });

  it('have their unit', () => {
    expect([0, 512, 1_536, 5e6].map(bytesPerSecond)).toEqual(['0 B/s', '512 B/s', '1.5 kB/s', '5.0 MB/s']);
  });

  it('say how long ago it was, and nothing of the future of a clock that is ahead', () => {
    const now = 1_000_000_000;
    expect([-5_000, 2_000, 42_000, 600_000, 7_200_000, 3e8].map((before) => ago(now - before, now))).toEqual(['just now', 'just now', '42 s ago', '10 min ago', '2 h ago', '3 d ago']);
  });

  it('draw no line of nothing, and the newest value at the right edge', () => {
    expect(sparkPath([0, 0], 60, 16)).toBe('');
    expect(sparkPath([1, 2], 60, 16)).toMatch(/L60\.0 1\.0$/);
  });
});
