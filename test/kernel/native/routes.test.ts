/** Routes and rules, also many at once, against iproute2: what we write, it prints; what it writes, we read. */

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { NetlinkError } from '../../../native/netlink/errors.js';
import type { NetworkNamespace } from '../../../native/netns.js';
import * as native from '../../../native/index.js';
import { batch, json, tool } from './laboratory.js';
import { discardTwoNamespaces, makeTwoNamespaces, type TwoNamespaces } from './two-namespaces.js';

// An emulated machine with busy neighbours is a hundred times slower than this one.
let namespaces: TwoNamespaces;
let near: NetworkNamespace;
let kernel: native.RouteNetlink;
let v0 = 0;

beforeAll(async () => {
  namespaces = await makeTwoNamespaces();
  ({ near, kernel, v0 } = namespaces);
});

afterAll(() => { discardTwoNamespaces(namespaces); });

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
