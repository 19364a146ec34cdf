/** Links, addresses, neighbours and forwarding entries against iproute2: what we write, it prints; what it writes, we read. */

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import type { NetworkNamespace } from '../../../native/netns.js';
import * as native from '../../../native/index.js';
import { batch, discard, eventually, freshNamespace, json, tool } from './laboratory.js';
import { discardTwoNamespaces, indexOf, makeTwoNamespaces, type TwoNamespaces } from './two-namespaces.js';

// An emulated machine with busy neighbours is a hundred times slower than this one.
let namespaces: TwoNamespaces;
let near: NetworkNamespace;
let far: NetworkNamespace;
let kernel: native.RouteNetlink;
let farKernel: native.RouteNetlink;
let v0 = 0;
let vx0 = 0;

beforeAll(async () => {
  namespaces = await makeTwoNamespaces();
  ({ near, far, kernel, farKernel, v0, vx0 } = namespaces);
});

afterAll(() => { discardTwoNamespaces(namespaces); });

describe('links', () => {
  test('what we create, ip prints: veth over two namespaces, bridge and port, vxlan, alias', () => {
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
