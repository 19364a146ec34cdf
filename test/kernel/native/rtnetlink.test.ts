/** rtnetlink against iproute2: what we write, it prints; what it writes, we read. */

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';

import { NetlinkError } from '../../../native/netlink/errors.js';
import type { NetworkNamespace } from '../../../native/netns.js';
import * as native from '../../../native/index.js';
import { batch, discard, eventually, freshNamespace, json, tool } from './laboratory.js';

// An emulated machine with busy neighbours is a hundred times slower than this one.
jest.setTimeout(120_000);

let near: NetworkNamespace;
let far: NetworkNamespace;
let kernel: native.RouteNetlink;
let farKernel: native.RouteNetlink;
let v0 = 0;
let vx0 = 0;

/** Index of a link that must be there. */
function indexOf(handle: native.RouteNetlink, name: string): number {
  const link = handle.link(name);
  if (link === undefined) throw new Error(`no link ${name}`);
  return link.index;
}

beforeAll(async () => {
  await native.initialise();
  near = freshNamespace('near');
  far = freshNamespace('far');
  kernel = native.RouteNetlink.open(near);
  farKernel = native.RouteNetlink.open(far);
  kernel.execute([
    native.createBridge({ name: 'br0', macAddress: '02:42:ac:1e:00:01', isUp: true }),
    native.changeLink('br0', { mtu: 1400 }),
    native.createVeth({
      name: 'v0', macAddress: '02:42:a9:fe:01:01', mtu: 1400, isUp: true,
      peer: { name: 'mesh0', macAddress: '02:42:0a:00:00:04', mtu: 1400, namespace: far },
    }),
    native.createVeth({ name: 'p0', peer: { name: 'p1' } }),
    native.createVxlan({ name: 'vx0', id: 4097, port: 4798, local: '192.168.56.11', mtu: 1450, macAddress: '02:42:64:68:39:11' }),
    native.changeLink('lo', { isUp: true }),
    native.changeLink('vx0', { isUp: true }),
    native.changeLink('v0', { alias: 'routemesh: ä task' }),
  ]);
  farKernel.execute([native.changeLink('mesh0', { isUp: true })]);
  kernel.execute([native.changeLink('p0', { masterIndex: indexOf(kernel, 'br0') })]);
  v0 = indexOf(kernel, 'v0');
  vx0 = indexOf(kernel, 'vx0');
});

afterAll(() => {
  kernel.close();
  farKernel.close();
  discard(near, far);
});

describe('links', () => {
  test('what we create, ip prints: veth over two namespaces, bridge and port, vxlan, alias', async () => {
    // Operational states follow a moment later (net/core/link_watch.c).
    await eventually(() => json(near, 'ip -j link show v0')[0]?.operstate === 'UP' && json(far, 'ip -j link show mesh0')[0]?.operstate === 'UP');
    const links = new Map(json(near, 'ip -j -d link').map((link) => [link.ifname, link]));
    expect(links.get('v0')).toMatchObject({ address: '02:42:a9:fe:01:01', mtu: 1400, ifalias: 'routemesh: ä task', operstate: 'UP', linkinfo: { info_kind: 'veth' } });
    expect(links.get('br0')).toMatchObject({ address: '02:42:ac:1e:00:01', mtu: 1400, linkinfo: { info_kind: 'bridge' } });
    expect(links.get('p0')).toMatchObject({ master: 'br0', link: 'p1' });
    expect(links.get('vx0')).toMatchObject({
      mtu: 1450, address: '02:42:64:68:39:11', linkinfo: { info_kind: 'vxlan', info_data: { id: 4097, port: 4798, local: '192.168.56.11', learning: false } },
    });
    expect(json(far, 'ip -j link show mesh0')[0]).toMatchObject({ address: '02:42:0a:00:00:04', mtu: 1400, operstate: 'UP' });
  });

  test('what ip creates and changes, we read', async () => {
    batch(near, 'ip', [
      'link add name ipbr type bridge', 'link add name ipv0 address 02:00:00:00:00:01 mtu 1300 type veth peer name ipv1', 'link set ipv0 master ipbr up alias hello',
      'link add ipvx type vxlan id 77 dstport 4790 local fd00::1 remote fd00::2 learning proxy l2miss l3miss noudpcsum ttl 9 dev v0',
    ]);
    await eventually(() => kernel.link('ipv0')?.operationalState === 'lowerlayerdown');
    const links = new Map(kernel.links().map((link) => [link.name, link]));
    expect(links.get('ipv0')).toMatchObject({
      kind: 'veth', macAddress: '02:00:00:00:00:01', mtu: 1300, alias: 'hello', isUp: true, masterIndex: links.get('ipbr')?.index,
      peerIndex: links.get('ipv1')?.index, peerNamespaceId: undefined, operationalState: 'lowerlayerdown',
    });
    expect(links.get('ipvx')?.vxlan).toEqual({
      id: 77, port: 4790, local: 'fd00::1', remote: 'fd00::2', learning: true, lowerLinkIndex: v0, ttl: 9, proxy: true, l2miss: true, l3miss: true, udpChecksum: false,
    });
    kernel.execute([native.deleteLink('ipvx'), native.deleteLink('ipv0'), native.deleteLink('ipbr')]);
    expect(kernel.link('ipv1')).toBeUndefined();
  });

  test("a veth's far end can be told from any other by namespace id and index", () => {
    const link = kernel.link('v0');
    expect(link?.peerNamespaceId).toBe(kernel.namespaceId(far));
    expect(link?.peerIndex).toBe(farKernel.link('mesh0')?.index);
    const stranger = freshNamespace('stranger');
    expect(kernel.namespaceId(stranger)).toBeUndefined();
    discard(stranger);
  });

  test('a vxlan made here can be moved there under another name, in one step', () => {
    kernel.execute([native.createVxlan({ name: 'vxmove', id: 4098, port: 4798 })]);
    kernel.execute([native.changeLink(indexOf(kernel, 'vxmove'), { namespace: far, name: 'vxlan0' })]);
    expect(kernel.link('vxmove')).toBeUndefined();
    expect(json(far, 'ip -j -d link show vxlan0')[0]).toMatchObject({ linkinfo: { info_data: { id: 4098, port: 4798 } } });
    farKernel.execute([native.deleteLink('vxlan0')]);
  });

  test('name, MAC address, MTU, master and alias change and can be taken back', () => {
    const index = indexOf(kernel, 'p1');
    kernel.execute([native.changeLink(index, { name: 'renamed', mtu: 1280, macAddress: '02:00:00:00:00:09', alias: 'x', isUp: true })]);
    expect(json(near, 'ip -j link show renamed')[0]).toMatchObject({ mtu: 1280, address: '02:00:00:00:00:09', ifalias: 'x' });
    // A link that is up may keep its name: EBUSY before Linux 6.2.
    kernel.execute([native.changeLink(index, { isUp: false }), native.changeLink(index, { name: 'p1', alias: '' }), native.changeLink('p0', { masterIndex: 0 })]);
    expect(json(near, 'ip -j link show p1')[0]).not.toHaveProperty('ifalias');
    expect(kernel.link('p0')?.masterIndex).toBeUndefined();
  });
});

describe('addresses', () => {
  test('what we add, ip prints; what ip adds, we read; and what we delete is gone', () => {
    const wanted: native.NewAddress[] = [
      { linkIndex: v0, address: '172.30.0.1/24' }, { linkIndex: v0, address: '10.9.0.1/32', peer: '10.9.0.2/32' }, { linkIndex: v0, address: 'fd00::1/64', flags: 2 },
    ];
    kernel.execute(wanted.map(native.addAddress));
    const printed = json(near, 'ip -j addr show dev v0')[0]?.addr_info;
    expect(printed).toEqual(expect.arrayContaining([
      expect.objectContaining({ local: '172.30.0.1', prefixlen: 24, scope: 'global' }),
      expect.objectContaining({ local: '10.9.0.1', address: '10.9.0.2', prefixlen: 32 }),
      expect.objectContaining({ local: 'fd00::1', prefixlen: 64, nodad: true }),
    ]));
    tool(near, 'ip', 'addr', 'add', '172.31.0.5/16', 'broadcast', '172.31.255.255', 'scope', 'link', 'label', 'v0:x', 'dev', 'v0');
    const read = kernel.addresses().filter((each) => each.linkIndex === v0);
    expect(read).toEqual(expect.arrayContaining([
      expect.objectContaining({ address: '172.31.0.5/16', broadcast: '172.31.255.255', scope: 'link', label: 'v0:x' }),
      expect.objectContaining({ address: '10.9.0.1/32', peer: '10.9.0.2/32' }),
    ]));
    kernel.execute(read.filter((each) => each.address.startsWith('1')).map(native.deleteAddress));
    expect(kernel.addresses('inet').filter((each) => each.linkIndex === v0)).toEqual([]);
  });
});

describe('routes', () => {
  test('what we add, ip prints: onlink gateways, tables, sources, metrics, protocols, types, next hops', () => {
    kernel.execute([
      native.addAddress({ linkIndex: v0, address: '172.30.0.1/24' }),
      native.addRoute({ destination: '10.0.0.5/32', linkIndex: v0, protocol: 77 }),
      native.addRoute({ destination: '0.0.0.0/0', gateway: '169.254.1.1', linkIndex: v0, onlink: true, table: 100, source: '172.30.0.1', metric: 7 }),
      native.addRoute({ destination: '10.1.0.0/16', type: 'blackhole', table: 70000 }),
      native.addRoute({
        destination: '10.2.0.0/16', nextHops: [
          { linkIndex: v0, gateway: '172.30.0.8', onlink: false, weight: 1 }, { linkIndex: v0, gateway: '169.254.1.9', onlink: true, weight: 5 },
        ],
      }),
      native.addRoute({ destination: 'fd01::/64', gateway: 'fe80::1', linkIndex: v0, table: 100, protocol: 77 }),
    ]);
    expect(json(near, 'ip -j -N route show table all')).toEqual(expect.arrayContaining([
      expect.objectContaining({ dst: '10.0.0.5', dev: 'v0', protocol: '77', scope: '253' }),
      expect.objectContaining({ dst: 'default', gateway: '169.254.1.1', dev: 'v0', table: '100', prefsrc: '172.30.0.1', metric: 7, flags: ['onlink'] }),
      expect.objectContaining({ type: '6' /* blackhole */, dst: '10.1.0.0/16', table: '70000' }),
      expect.objectContaining({ dst: '10.2.0.0/16', nexthops: [
        expect.objectContaining({ gateway: '172.30.0.8', weight: 1, flags: [] }), expect.objectContaining({ gateway: '169.254.1.9', weight: 5, flags: ['onlink'] }),
      ] }),
    ]));
    expect(json(near, 'ip -6 -j -N route show table 100')).toEqual([expect.objectContaining({ dst: 'fd01::/64', gateway: 'fe80::1', dev: 'v0', protocol: '77' })]);
  });

  test('what ip adds, we read; a table that does not exist is empty', () => {
    batch(near, 'ip', [
      'route add 10.3.0.0/16 via 172.30.0.7 dev v0 table 200 proto 88 metric 5 src 172.30.0.1', 'route add 10.4.0.1 dev v0 scope link table 200',
      'route add unreachable 10.5.0.0/16 table 200', 'route add 10.6.0.0/16 via inet6 fe80::7 dev v0 table 200', 'route add throw default table 200',
    ]);
    expect(kernel.routes({ table: 200 })).toEqual(expect.arrayContaining([
      expect.objectContaining({ destination: '10.3.0.0/16', gateway: '172.30.0.7', linkIndex: v0, protocol: 88, metric: 5, source: '172.30.0.1', scope: 'global' }),
      expect.objectContaining({ destination: '10.4.0.1/32', gateway: undefined, linkIndex: v0, scope: 'link' }),
      expect.objectContaining({ destination: '10.5.0.0/16', type: 'unreachable' }),
      expect.objectContaining({ destination: '10.6.0.0/16', gateway: 'fe80::7' }),
      expect.objectContaining({ destination: '0.0.0.0/0', type: 'throw' }),
    ]));
    expect(kernel.routes({ table: 4242 })).toEqual([]);
    expect(kernel.routes().filter(({ table }) => table === 200)).toHaveLength(5);
  });

  test('what we read can be deleted and put back, and is then what it was', () => {
    const before = kernel.routes({ table: 200 });
    kernel.execute(before.map(native.deleteRoute));
    expect(tool(near, 'ip', 'route', 'show', 'table', '200')).toBe('');
    kernel.execute(before.map(native.addRoute));
    expect(kernel.routes({ table: 200 })).toEqual(before);
  });

  test('replacing takes the place of the old route; adding it twice is EEXIST', () => {
    const route = { destination: '10.7.0.1/32', linkIndex: v0, table: 300 };
    kernel.execute([native.addRoute(route), native.replaceRoute({ ...route, gateway: '169.254.1.1', onlink: true })]);
    expect(json(near, 'ip -j route show table 300')).toEqual([expect.objectContaining({ dst: '10.7.0.1', gateway: '169.254.1.1' })]);
    expect(kernel.request([native.addRoute(route)])).toMatchObject([{ ok: false, error: { code: 'EEXIST' } }]);
  });
});

describe('rules', () => {
  const ours: native.NewRule[] = [
    { priority: 100, table: 254, suppressPrefixLength: 0, protocol: 77 },
    { priority: 101, from: '10.0.0.5/32', table: 100, protocol: 77 },
    { priority: 102, fwmark: 0x61f90, fwmask: 0xffffff, inputInterface: 'v0', table: 70000 },
    { priority: 103, to: '10.9.0.0/16', ipProtocol: 17, sourcePorts: { first: 53, last: 53 }, destinationPorts: { first: 1000, last: 2000 }, table: 100 },
    { priority: 104, isInverted: true, from: 'fd00::/8', action: 'unreachable' },
  ];

  test('what we add, ip prints; the same rule twice is EEXIST; what we delete is gone', () => {
    kernel.execute(ours.map(native.addRule));
    const printed = [...json(near, 'ip -j -N rule'), ...json(near, 'ip -6 -j -N rule')];
    expect(printed).toEqual(expect.arrayContaining([
      expect.objectContaining({ priority: 100, table: '254', suppress_prefixlen: 0, protocol: '77' }),
      expect.objectContaining({ priority: 101, src: '10.0.0.5', table: '100', protocol: '77' }),
      expect.objectContaining({ priority: 102, fwmark: '0x61f90', fwmask: '0xffffff', iif: 'v0', table: '70000' }),
      expect.objectContaining({ priority: 103, dst: '10.9.0.0', dstlen: 16, sport: 53, dport_start: 1000, dport_end: 2000, table: '100' }),
      expect.objectContaining({ priority: 104, src: 'fd00::', srclen: 8, action: '7' /* unreachable */, not: null }),
    ]));
    expect(kernel.request(ours.map(native.addRule)).map((result) => !result.ok && result.error instanceof NetlinkError && result.error.code))
      .toEqual(ours.map(() => 'EEXIST'));
    kernel.execute(kernel.rules().filter(({ priority }) => priority >= 100 && priority < 200).map(native.deleteRule));
    expect(kernel.rules().filter(({ priority }) => priority >= 100 && priority < 200)).toEqual([]);
  });

  test('what ip adds, we read', () => {
    batch(near, 'ip', ['rule add pref 201 not from 10.1.0.0/16 to 10.2.0.0/16 iif lo oif v0 fwmark 3/15 lookup 500 proto 9 suppress_prefixlength 8', 'rule add pref 202 fwmark 9 blackhole']);
    expect(kernel.rules('inet').filter(({ priority }) => priority > 200 && priority < 300)).toEqual([
      {
        family: 'inet', priority: 201, action: 'lookup', table: 500, from: '10.1.0.0/16', to: '10.2.0.0/16', inputInterface: 'lo', outputInterface: 'v0',
        fwmark: 3, fwmask: 15, protocol: 9, suppressPrefixLength: 8, isInverted: true,
      },
      expect.objectContaining({ priority: 202, action: 'blackhole', fwmark: 9, fwmask: 0xffffffff, table: undefined }),
    ]);
  });
});

describe('neighbours and forwarding databases', () => {
  test('permanent neighbours: what we write, ip prints; what ip writes, we read', () => {
    kernel.execute([
      native.addNeighbour({ linkIndex: v0, address: '10.0.0.5', macAddress: '02:42:0a:00:00:05', protocol: 77 }),
      native.replaceNeighbour({ linkIndex: v0, address: '10.0.0.5', macAddress: '02:42:0a:00:00:06', protocol: 77 }),
      native.addNeighbour({ linkIndex: v0, address: 'fd00::5', macAddress: '02:42:0a:00:00:05' }),
    ]);
    expect(json(near, 'ip -j neigh show dev v0')).toEqual(expect.arrayContaining([
      expect.objectContaining({ dst: '10.0.0.5', lladdr: '02:42:0a:00:00:06', state: ['PERMANENT'] }), expect.objectContaining({ dst: 'fd00::5', state: ['PERMANENT'] }),
    ]));
    expect(tool(near, 'ip', '-N', 'neigh', 'show', '10.0.0.5')).toContain('proto 77');
    tool(near, 'ip', 'neigh', 'add', '10.0.0.9', 'lladdr', '02:42:0a:00:00:09', 'nud', 'noarp', 'dev', 'v0');
    expect(kernel.neighbours('inet')).toEqual(expect.arrayContaining([
      expect.objectContaining({ linkIndex: v0, address: '10.0.0.5', macAddress: '02:42:0a:00:00:06', state: 'permanent', protocol: 77 }),
      expect.objectContaining({ linkIndex: v0, address: '10.0.0.9', macAddress: '02:42:0a:00:00:09', state: 'noarp', protocol: 0 }),
    ]));
    kernel.execute([native.deleteNeighbour({ linkIndex: v0, address: '10.0.0.5' })]);
    expect(tool(near, 'ip', 'neigh', 'show', '10.0.0.5')).toBe('');
  });

  test("a VXLAN's peers: what we write, bridge prints; what bridge writes, we read", () => {
    const all = '00:00:00:00:00:00';
    kernel.execute([
      native.addForwardingEntry({ linkIndex: vx0, macAddress: '02:42:64:68:39:12', destination: '192.168.56.12' }),
      native.replaceForwardingEntry({ linkIndex: vx0, macAddress: '02:42:64:68:39:12', destination: '192.168.56.13', port: 4790, vni: 9 }),
      native.appendForwardingEntry({ linkIndex: vx0, macAddress: all, destination: '192.168.56.12' }),
      native.appendForwardingEntry({ linkIndex: vx0, macAddress: all, destination: '192.168.56.13' }),
    ]);
    const printed = json(near, 'bridge -j fdb show dev vx0');
    expect(printed).toEqual(expect.arrayContaining([
      expect.objectContaining({ mac: '02:42:64:68:39:12', dst: '192.168.56.13', port: 4790, vni: 9, state: 'permanent', flags: ['self'] }),
      expect.objectContaining({ mac: all, dst: '192.168.56.12' }), expect.objectContaining({ mac: all, dst: '192.168.56.13' }),
    ]));
    tool(near, 'bridge', 'fdb', 'append', '02:42:64:68:39:44', 'dev', 'vx0', 'dst', '192.168.56.44', 'self', 'permanent');
    expect(kernel.forwardingEntries(vx0)).toEqual(expect.arrayContaining([
      expect.objectContaining({ linkIndex: vx0, macAddress: '02:42:64:68:39:44', destination: '192.168.56.44', state: 'permanent', isSelf: true }),
      expect.objectContaining({ macAddress: '02:42:64:68:39:12', destination: '192.168.56.13', port: 4790, vni: 9 }),
    ]));
    expect(kernel.forwardingEntries().filter(({ linkIndex }) => linkIndex === vx0)).toHaveLength(kernel.forwardingEntries(vx0).length);
    kernel.execute(kernel.forwardingEntries(vx0).map(native.deleteForwardingEntry));
    expect(json(near, 'bridge -j fdb show dev vx0')).toEqual([]);
  });
});

describe('batches', () => {
  test('a refused message in the middle of many does not stop the others, and says what it was', () => {
    const routes = Array.from({ length: 600 }, (_, number) => `10.50.${number >> 8}.${number & 255}/32`);
    const results = kernel.request(routes.map((destination, number) =>
      native.addRoute({ destination, linkIndex: number % 100 === 50 ? 999_999 : v0, table: 400 })));
    expect(results.map((result, number) => (result.ok ? -1 : number)).filter((number) => number >= 0)).toEqual([50, 150, 250, 350, 450, 550]);
    expect(results[50]).toMatchObject({ ok: false, error: { code: 'ENODEV', request: 'add route 10.50.0.50/32 dev 999999 table 400' } });
    expect(kernel.routes({ table: 400 })).toHaveLength(594);
  });

  test("errors carry the kernel's own words", () => {
    const [result] = kernel.request([native.addRoute({ destination: '10.60.0.1/32', gateway: '203.0.113.9', linkIndex: v0 })]);
    expect(result).toMatchObject({ ok: false, error: { code: 'ENETUNREACH', kernelText: 'Nexthop has invalid gateway' } });
    expect(() => { kernel.execute([native.deleteLink('nosuchlink')]); }).toThrow(/^delete link nosuchlink: the kernel refused with ENODEV/);
    expect(() => kernel.request([native.createBridge({ name: 'br0' })])).not.toThrow();
  });

  test('thousands of routes go in and come back', () => {
    const routes = Array.from({ length: 3000 }, (_, number): native.NewRoute => ({ destination: `10.70.${number >> 8}.${number & 255}/32`, linkIndex: v0, table: 401 }));
    const messages = routes.map(native.addRoute);
    const started = performance.now();
    kernel.execute(messages);
    const added = performance.now();
    expect(kernel.routes({ table: 401 })).toHaveLength(3000);
    console.info(`3,000 routes: added in ${Math.round(added - started)} ms, read back in ${Math.round(performance.now() - added)} ms`);
  });
});
