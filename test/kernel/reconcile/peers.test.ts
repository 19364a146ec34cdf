/** The fabric between nodes on a real kernel: three hosts on one wire, and packets that really go from one to another. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { cleanup } from '../../../src/kernel/cleanup.js';
import { isRepair } from '../../../src/kernel/repair.js';
import { ip, sh, soon, told } from './bed.js';
import { clientAddress, connectFrom, counted, serveIn, takeAway, threeOnOneWire, twoNodes, wire, type Node, type Program } from './three-nodes.js';

// An emulated machine starts ten programs a second.
let nodes: readonly Node[] = [];
let h1: Node;
let h2: Node;
let h3: Node;
const programs: Program[] = [];
const keep = (program: Program): Program => {
  programs.push(program);
  return program;
};

/** The identity of web's task on h1. */
const onH1 = '10.0.0.5';

beforeAll(async () => {
  nodes = [h1, h2, h3] = await threeOnOneWire();
  for (const node of nodes) {
    await node.sync();
    // The same client behind every node. In the local table, where none of our objects is.
    ip('-n', node.sandbox, 'route', 'add', 'local', clientAddress, 'dev', 'lo', 'table', 'local');
  }
  keep(await serveIn(h1.task));
  keep(await serveIn(h2.task));
});
afterAll(() => {
  for (const program of programs) program.end();
  takeAway(nodes);
});

describe('three nodes', () => {
  test('a second look finds nothing to do, so that traffic never notices a restart', async () => {
    for (const node of nodes) expect(told(await node.difference())).toEqual([]);
  });

  test('the tunnel is in the fabric, its UDP socket in the host: packets leave by the host’s routes', () => {
    expect(sh(h1.fabric, 'ip', '-d', 'link', 'show', 'vxlan0')).toMatch(/mtu 1450[^]*vxlan id 4097 local 192\.168\.56\.11 .*dstport 4798 .*nolearning/);
    expect(sh(h1.host, 'ss', '-uln', 'sport', '=', ':4798')).toContain(':4798');
    expect(sh(h1.fabric, 'ss', '-uln', 'sport', '=', ':4798')).not.toContain(':4798');
    expect(sh(h1.host, 'ip', 'link')).not.toContain('vxlan');
  });

  test('a task answers through every node, and sees the client’s own address', async () => {
    for (const { sandbox } of nodes) {
      for (const identity of [onH1, '10.0.0.6']) {
        const connection = keep(connectFrom(sandbox, identity));
        expect(await connection.says()).toMatch(new RegExp(`^${clientAddress} \\d+$`));
        connection.end();
      }
    }
  });

  test('one client port may talk to the same task by three nodes at once', async () => {
    const connections = nodes.map(({ sandbox }) => keep(connectFrom(sandbox, onH1, { localPort: 5555 })));
    const seen = await Promise.all(connections.map((connection) => connection.says()));
    expect(seen.map((line) => line.split(' ')[0])).toEqual([clientAddress, clientAddress, clientAddress]);
    expect(new Set(seen).size).toBe(3);
    for (const [index, connection] of connections.entries()) {
      connection.tell(`by ${index}`);
      expect(await connection.says()).toBe(`by ${index}`);
      connection.end();
    }
  });

  test('a peer’s kernel answers whether it is there, on the way that traffic takes', async () => {
    const probe = h1.engine.probe();
    try {
      const answered = new Promise<string>((resolve) => { probe.ask('100.104.56.11', [{ destination: '100.104.56.12', sequence: 7 }], (from, sequence) => { resolve(`${from} ${sequence}`); }); });
      expect(await answered).toBe('100.104.56.12 7');
    } finally {
      probe.close();
    }
  });

  test('a controller that starts takes nothing from other nodes of its machine', async () => {
    await h3.restart();
    expect(told(await h3.sync())).toEqual([]);
    for (const node of nodes) expect(told(await node.difference())).toEqual([]);
  });
});

describe('the fabric is a way to published ports, and to nothing else', () => {
  const dropsOf = (node: Node): number => counted(node.fabric, 'filter', 'FORWARD');

  test.each([
    ['an unpublished port of a task of one’s own node', () => h1, () => h1, onH1, 81],
    ['an unpublished port of another node’s task', () => h2, () => h2, onH1, 81],
  ])('%s is dropped and counted where the packet enters', async (_what, from, where, identity, port) => {
    const before = dropsOf(where());
    const connection = keep(connectFrom(from().sandbox, identity, { port }));
    await soon(() => { expect(dropsOf(where())).toBeGreaterThan(before); });
    connection.end();
    expect(await connection.says()).toBe('end');
  });

  test('a peer that would send to an unpublished port all the same is dropped by the task’s node', async () => {
    sh(h2.fabric, 'iptables', '-I', 'FORWARD', '-i', 'sbox0', '-j', 'ACCEPT');
    const before = dropsOf(h1);
    const connection = keep(connectFrom(h2.sandbox, onH1, { port: 81 }));
    await soon(() => { expect(dropsOf(h1)).toBeGreaterThan(before); });
    connection.end();
    expect(await connection.says()).toBe('end');
    await h2.sync();
  });

  test('who is known by no hardware address is let in nowhere', async () => {
    ip('-n', h2.fabric, 'link', 'set', 'vxlan0', 'address', '02:45:00:00:00:99');
    // A new hardware address has flushed them.
    ip('-n', h2.fabric, 'neigh', 'replace', '100.104.56.11', 'lladdr', '02:45:64:68:38:0b', 'dev', 'vxlan0', 'nud', 'permanent');
    const before = dropsOf(h1);
    const connection = keep(connectFrom(h2.sandbox, onH1));
    await soon(() => { expect(dropsOf(h1)).toBeGreaterThan(before); });
    connection.end();
    expect(await connection.says()).toBe('end');
    await h2.sync();
  });

  test('a task begins nothing over the fabric', async () => {
    for (const target of ['100.104.56.11', '100.104.56.12', '192.168.56.12']) {
      const before = dropsOf(h1);
      const connection = keep(connectFrom(h1.task, target, { localAddress: onH1 }));
      await soon(() => { expect(dropsOf(h1)).toBeGreaterThan(before); });
      connection.end();
      expect(await connection.says()).toBe('end');
    }
  });

  test('VXLAN from a machine that is no node ends at the host, and is counted', async () => {
    const dropped = (): number => counted(h1.host, 'filter', 'MESH-INGRESS-PEERS', '-j DROP');
    const before = dropped();
    sh(wire, 'bash', '-c', `echo stranger > /dev/udp/${h1.address}/4798`);
    await soon(() => { expect(dropped()).toBeGreaterThan(before); });
    expect(counted(h1.host, 'filter', 'MESH-INGRESS-PEERS', `-s ${h2.address}/32 -j RETURN`)).toBeGreaterThan(0);
  });
});

test('what goes through the tunnel fills no host’s table of connections', async () => {
  const tracked = (node: Node): string[] => sh(node.host, 'conntrack', '-L', '-p', 'udp').split('\n').filter((line) => line.includes('dport=4798'));
  const connections = Array.from({ length: 5 }, () => keep(connectFrom(h2.sandbox, onH1)));
  for (const connection of connections) expect(await connection.says()).toContain(clientAddress);
  expect([tracked(h1), tracked(h2)]).toEqual([[], []]);
  for (const connection of connections) connection.end();
});

describe('sabotage on one node is repaired there, exactly that, and counted as a repair', () => {
  const [mac1, mac3] = ['02:45:64:68:38:0b', '02:45:64:68:38:0d'];
  const remade = [
    /^fabric: add vxlan vxlan0 id 4097 port 4798 local 192\.168\.56\.12/,
    /add sysctl net\/ipv4\/conf\/vxlan0\/rp_filter = 0$/,
    /add sysctl net\/ipv4\/conf\/vxlan0\/send_redirects = 0$/,
    /add sysctl net\/ipv6\/conf\/vxlan0\/disable_ipv6 = 1$/,
    /add neighbour 100\.104\.56\.11 lladdr 02:45:64:68:38:0b dev vxlan0$/,
    /add neighbour 100\.104\.56\.13 lladdr 02:45:64:68:38:0d dev vxlan0$/,
    /add fdb 02:45:64:68:38:0b dev vxlan0 dst 192\.168\.56\.11$/,
    /add fdb 02:45:64:68:38:0d dev vxlan0 dst 192\.168\.56\.13$/,
    /add route 100\.104\.56\.11\/32 dev vxlan0$/,
    /add route default via 100\.104\.56\.11 dev vxlan0 onlink/,
    /add route 100\.104\.56\.13\/32 dev vxlan0$/,
    /add route default via 100\.104\.56\.13 dev vxlan0 onlink/,
    /add route 10\.0\.0\.5\/32 via 100\.104\.56\.11 dev vxlan0 onlink$/,
  ];
  const vxlan = (...words: string[]): string => ip('-n', h2.fabric, 'link', ...words);
  const madeInFabric = ['add', 'vxlan0', 'address', '02:45:64:68:38:0c', 'mtu', '1450', 'type', 'vxlan', 'local', '192.168.56.12', 'nolearning'];
  const cases: [string, () => void, (string | RegExp)[]][] = [
    ['the tunnel is deleted', () => vxlan('delete', 'vxlan0'), remade],
    ['the tunnel is made again by hand, its UDP socket in the fabric, from where no packet gets out', () => { vxlan('delete', 'vxlan0'); vxlan(...madeInFabric, 'id', '4097', 'dstport', '4798'); vxlan('set', 'vxlan0', 'up'); }, remade],
    ['the tunnel is made again with another identifier and port', () => { vxlan('delete', 'vxlan0'); vxlan(...madeInFabric, 'id', '77', 'dstport', '4799'); vxlan('set', 'vxlan0', 'up'); }, remade],
    ['another kind of device has the tunnel’s name', () => { vxlan('delete', 'vxlan0'); vxlan('add', 'vxlan0', 'type', 'bridge'); }, remade],
    ['the tunnel carries packets that are too large', () => vxlan('set', 'vxlan0', 'mtu', '1500'), [/^fabric: change link vxlan0 mtu 1500 → 1450$/]],
    ['a forwarding entry is deleted', () => sh(h2.fabric, 'bridge', 'fdb', 'delete', mac1, 'dev', 'vxlan0', 'self'), [/^fabric: add fdb 02:45:64:68:38:0b/]],
    ['a forwarding entry leads elsewhere', () => sh(h2.fabric, 'bridge', 'fdb', 'replace', mac1, 'dev', 'vxlan0', 'dst', '192.168.56.99', 'self', 'permanent'), [/^fabric: change fdb .* dst 192\.168\.56\.11 \(was dst 192\.168\.56\.99\)$/]],
    ['a forwarding entry leads to another port', () => sh(h2.fabric, 'bridge', 'fdb', 'replace', mac3, 'dev', 'vxlan0', 'dst', '192.168.56.13', 'port', '9', 'self', 'permanent'), [/^fabric: change fdb .*\(was dst 192\.168\.56\.13, set up otherwise\)$/]],
    ['strangers’ forwarding entries, one of them for everybody', () => {
      sh(h2.fabric, 'bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vxlan0', 'dst', '203.0.113.1', 'self', 'permanent');
      sh(h2.fabric, 'bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'vxlan0', 'dst', '203.0.113.2', 'self', 'permanent');
      sh(h2.fabric, 'bridge', 'fdb', 'add', '02:00:00:00:00:07', 'dev', 'vxlan0', 'dst', '203.0.113.3', 'port', '9', 'vni', '5', 'self', 'permanent');
    }, [/remove fdb/, /remove fdb/, /remove fdb/]],
    ['peers’ neighbours are flushed', () => ip('-n', h2.fabric, 'neigh', 'flush', 'dev', 'vxlan0', 'nud', 'permanent'), [/add neighbour 100\.104\.56\.11/, /add neighbour 100\.104\.56\.13/]],
    ['the route to another node’s task is deleted', () => ip('-n', h2.fabric, 'route', 'delete', '10.0.0.5'), [/^fabric: add route 10\.0\.0\.5\/32 via 100\.104\.56\.11 dev vxlan0 onlink$/]],
    ['the way back to a peer is deleted', () => { ip('-n', h2.fabric, 'route', 'flush', 'table', '14347'); ip('-n', h2.fabric, 'rule', 'delete', 'fwmark', '0x380b/0xffff'); }, [/add route default via 100\.104\.56\.11 dev vxlan0 onlink table 14347$/, /^fabric: add rule 100: from all fwmark 0x380b\/0xffff lookup 14347$/]],
    ['a rule by mark gets another mask', () => { ip('-n', h2.fabric, 'rule', 'delete', 'fwmark', '0x380d/0xffff'); ip('-n', h2.fabric, 'rule', 'add', 'pref', '100', 'fwmark', '0x380d', 'lookup', '14349'); }, [/add rule 100: from all fwmark 0x380d\/0xffff lookup 14349$/, /remove rule 100: from all fwmark 0x380d\/0xffffffff lookup 14349$/]],
    ['peers’ zones are flushed', () => sh(h2.fabric, 'iptables', '-t', 'raw', '-F', 'MESH-PEERS'), [/add rule raw MESH-PEERS .*0b -j CT --zone-orig 14347$/, /add rule raw MESH-PEERS .*0d -j CT --zone-orig 14349$/]],
    ['peers’ marks are flushed', () => sh(h2.fabric, 'iptables', '-t', 'mangle', '-F'), [/add rule mangle PREROUTING/, /add rule mangle PREROUTING/, /add rule mangle MESH-PEERS/, /add rule mangle MESH-PEERS/]],
    ['the host lets every stranger’s VXLAN in', () => sh(h2.host, 'iptables', '-D', 'INPUT', '-p', 'udp', '--dport', '4798', '-j', 'MESH-INGRESS-PEERS'), [
      /^host: add rule filter INPUT -p udp -m udp --dport 4798 -j MESH-INGRESS-PEERS$/, /^host: change rule filter INPUT .*moved back: first/,
    ]],
    ['the host tracks the tunnel’s packets', () => sh(h2.host, 'iptables', '-t', 'raw', '-F'), [/^host: add rule raw PREROUTING .*--notrack$/, /^host: add rule raw OUTPUT .*--notrack$/]],
    ['the host takes a peer for a stranger', () => sh(h2.host, 'iptables', '-D', 'MESH-INGRESS-PEERS', '-s', '192.168.56.13', '-j', 'RETURN'), [/^host: add rule filter MESH-INGRESS-PEERS -s 192\.168\.56\.13\/32 -j RETURN$/]],
    ['the sandbox has no way to ask a peer', () => ip('-n', h2.sandbox, 'route', 'delete', '100.104.56.13'), [/^sandbox: add route 100\.104\.56\.13\/32 via 169\.254\.1\.1/]],
  ];

  test.each(cases)('%s', async (_what, sabotage, expected) => {
    sabotage();
    const changes = await h2.sync();
    expect(told(changes)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
    expect(changes.filter((change) => !isRepair(change, h2.plan(), h2.plan()))).toEqual([]);
    expect(told(await h2.difference())).toEqual([]);
    const connection = keep(connectFrom(h2.sandbox, onH1));
    expect(await connection.says()).toContain(clientAddress);
    connection.end();
  });

  test('a forwarding entry that somebody takes away is told at once: repair need not wait for the next look', async () => {
    const hints: string[] = [];
    h2.engine.watch((what) => hints.push(what));
    sh(h2.fabric, 'bridge', 'fdb', 'delete', mac1, 'dev', 'vxlan0', 'self');
    await soon(() => { expect(hints).toContain('fabric changed (neighbour)'); });
    await h2.sync();
  });
});

describe('a node that leaves', () => {
  test('takes along what was its own, and nothing of a connection between the others', async () => {
    const connection = keep(connectFrom(h2.sandbox, onH1));
    await connection.says();
    const changes = told(await h1.sync(twoNodes));
    expect(changes.length).toBeGreaterThan(0);
    for (const line of changes) expect(line).toMatch(/: remove .*(56\.13|56\.13\/32|:0d|380d|14349)/);
    await h2.sync(twoNodes);
    connection.tell('still here?');
    expect(await connection.says()).toBe('still here?');
    connection.end();
    expect(told(await h1.difference(twoNodes))).toEqual([]);
  });

  test('is let in again when it comes back, and is not before: the host drops its VXLAN meanwhile', async () => {
    const dropped = (): number => counted(h1.host, 'filter', 'MESH-INGRESS-PEERS', '-j DROP');
    const before = dropped();
    const connection = keep(connectFrom(h3.sandbox, onH1));
    await soon(() => { expect(dropped()).toBeGreaterThan(before); });
    await h1.sync();
    await h2.sync();
    // Its client has gone on asking.
    expect(await connection.says()).toContain(clientAddress);
    connection.end();
  });

  test('as the last but one leaves a node alone, with no tunnel and no open port', async () => {
    const alone = { ...twoNodes, nodes: twoNodes.nodes.slice(0, 1), tasks: twoNodes.tasks.slice(0, 1) };
    await h1.sync(alone);
    expect(told(await h1.difference(alone))).toEqual([]);
    expect(sh(h1.fabric, 'ip', 'link')).not.toContain('vxlan0');
    expect(sh(h1.host, 'ss', '-uln', 'sport', '=', ':4798')).not.toContain(':4798');
    await h1.sync();
  });
});

test('cleanup leaves nothing of the tunnel, and the other nodes go on', async () => {
  const connection = keep(connectFrom(h2.sandbox, onH1));
  await connection.says();
  h3.engine.close();
  expect((await cleanup(h3.options)).failed).toEqual([]);
  expect(sh(h3.host, 'ss', '-uln', 'sport', '=', ':4798')).not.toContain(':4798');
  expect(sh(h3.host, 'iptables-save')).not.toMatch(/MESH|4798/);
  expect(ip('netns', 'list')).not.toContain(h3.fabric);
  for (const node of [h1, h2]) expect(told(await node.difference())).toEqual([]);
  connection.tell('still here?');
  expect(await connection.says()).toBe('still here?');
  connection.end();
});
