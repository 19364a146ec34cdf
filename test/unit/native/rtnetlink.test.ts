import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { addAddress, decodeAddress } from '../../../native/rtnetlink/addresses.js';
import { addForwardingEntry, decodeForwardingEntry } from '../../../native/rtnetlink/forwarding.js';
import { changeLink, createBridge, createVeth, createVxlan, decodeLink } from '../../../native/rtnetlink/links.js';
import { addNeighbour, decodeNeighbour } from '../../../native/rtnetlink/neighbours.js';
import { addRoute, decodeRoute, deleteRoute } from '../../../native/rtnetlink/routes.js';
import { addRule, decodeRule } from '../../../native/rtnetlink/rules.js';
import type { Address, ForwardingEntry, Neighbour, Route, Rule } from '../../../native/rtnetlink/types.js';
import { decodesOrRefuses, index, ipv4, ipv4Prefix, ipv6, ipv6Prefix, linkName, mac, maybe, mutated, port, u32 } from './arbitraries.js';

const byte = fc.integer({ min: 0, max: 255 });

const routeOf = (prefix: fc.Arbitrary<string>, address: fc.Arbitrary<string>): fc.Arbitrary<Route> => fc.record({
  destination: prefix,
  table: fc.integer({ min: 1, max: 0xffffffff }),
  type: fc.constantFrom<Route['type'][]>('unicast', 'blackhole', 'unreachable', 'local', 42),
  scope: fc.constantFrom<Route['scope'][]>('global', 'link', 'host', 77),
  protocol: byte,
  gateway: maybe(address),
  linkIndex: maybe(index),
  source: maybe(address),
  metric: maybe(u32),
  onlink: fc.boolean(),
  nextHops: maybe(fc.array(fc.record({ linkIndex: index, gateway: maybe(address), onlink: fc.boolean(), weight: fc.integer({ min: 1, max: 256 }) }))),
});
const route = fc.oneof(routeOf(ipv4Prefix, ipv4), routeOf(ipv6Prefix, ipv6));

const ruleOf = (family: Rule['family'], prefix: fc.Arbitrary<string>): fc.Arbitrary<Rule> => fc.record({
  family: fc.constant(family),
  priority: u32,
  action: fc.constant<Rule['action']>('lookup'),
  table: fc.integer({ min: 1, max: 0xffffffff }),
  from: maybe(prefix),
  to: maybe(prefix),
  inputInterface: maybe(linkName),
  outputInterface: maybe(linkName),
  fwmark: u32,
  fwmask: u32,
  protocol: byte,
  suppressPrefixLength: maybe(fc.integer({ min: 0, max: 128 })),
  ipProtocol: maybe(byte),
  sourcePorts: maybe(fc.record({ first: port, last: port })),
  destinationPorts: maybe(fc.record({ first: port, last: port })),
  isInverted: fc.boolean(),
});
const rule = fc.oneof(ruleOf('inet', ipv4Prefix), ruleOf('inet6', ipv6Prefix));

const neighbour: fc.Arbitrary<Neighbour> = fc.record({
  linkIndex: index, address: fc.oneof(ipv4, ipv6), macAddress: maybe(mac),
  state: fc.constantFrom<Neighbour['state'][]>('permanent', 'reachable', 'noarp', 0xc0), protocol: byte, flags: byte,
});

const forwardingEntry: fc.Arbitrary<ForwardingEntry> = fc.record({
  linkIndex: index, macAddress: mac, destination: maybe(fc.oneof(ipv4, ipv6)), state: fc.constant<ForwardingEntry['state']>('permanent'),
  isSelf: fc.boolean(), masterIndex: fc.constant(undefined), vlan: maybe(fc.integer({ min: 1, max: 4094 })), port: maybe(port), vni: maybe(u32),
});

const address: fc.Arbitrary<Address> = fc.record({
  linkIndex: index, address: fc.oneof(ipv4Prefix, ipv6Prefix), peer: fc.constant(undefined), broadcast: fc.constant(undefined),
  scope: fc.constantFrom<Address['scope'][]>('global', 'link', 'host'), label: maybe(linkName), flags: u32,
});

describe('what rtnetlink is told is what it was asked, field by field', () => {
  test('routes, with every next hop', () => {
    fc.assert(fc.property(route, (wanted) => { expect(decodeRoute(addRoute(wanted).payload)).toEqual(wanted); }));
  });
  test('rules', () => {
    fc.assert(fc.property(rule, (wanted) => { expect(decodeRule(addRule(wanted).payload)).toEqual(wanted); }));
  });
  test('neighbours', () => {
    fc.assert(fc.property(neighbour, (wanted) => { expect(decodeNeighbour(addNeighbour(wanted).payload)).toEqual(wanted); }));
  });
  test('forwarding entries', () => {
    fc.assert(fc.property(forwardingEntry, (wanted) => { expect(decodeForwardingEntry(addForwardingEntry(wanted).payload)).toEqual(wanted); }));
  });
  test('addresses', () => {
    fc.assert(fc.property(address, (wanted) => { expect(decodeAddress(addAddress(wanted).payload)).toEqual(wanted); }));
  });
  test('VXLAN devices', () => {
    const settings = { name: 'vxlan0', id: 4097, port: 4798, local: '192.168.56.11', mtu: 1450, macAddress: '02:42:64:68:39:11' };
    expect(decodeLink(createVxlan(settings).payload)).toMatchObject({
      name: 'vxlan0', kind: 'vxlan', mtu: 1450, macAddress: '02:42:64:68:39:11', isUp: false,
      vxlan: { id: 4097, port: 4798, local: '192.168.56.11', remote: undefined, learning: false },
    });
  });
});

describe('defaults', () => {
  test('a route to a device is link scope, one by a gateway global, as iproute2 has it', () => {
    expect(decodeRoute(addRoute({ destination: '10.0.0.5/32', linkIndex: 7 }).payload)).toMatchObject({ scope: 'link', table: 254, protocol: 4 });
    expect(decodeRoute(addRoute({ destination: '0.0.0.0/0', gateway: '10.0.0.1' }).payload)).toMatchObject({ scope: 'global', type: 'unicast' });
    expect(decodeRoute(addRoute({ destination: '10.0.0.5/32', type: 'local', linkIndex: 7 }).payload)).toMatchObject({ scope: 'host' });
  });
  test('deleting a route by its destination matches it whatever its scope, type and protocol', () => {
    expect(decodeRoute(deleteRoute({ destination: '10.0.0.5/32' }).payload)).toMatchObject({ scope: 'nowhere', type: 0, protocol: 0 });
  });
  test('a property that is undefined counts as left out', () => {
    expect(decodeRoute(addRoute({ destination: '10.0.0.5/32', linkIndex: 7, type: undefined as never, scope: undefined as never }).payload))
      .toMatchObject({ type: 'unicast', scope: 'link' });
  });
  test('texts of errors name the object', () => {
    expect(addRoute({ destination: '10.0.0.5/32', gateway: '100.64.0.1', linkIndex: 7, table: 100 }).description)
      .toBe('add route 10.0.0.5/32 via 100.64.0.1 dev 7 table 100');
    expect(addRule({ priority: 101, from: '10.0.0.5/32', table: 100 }).description).toBe('add rule 101: from 10.0.0.5/32 lookup 100');
  });
});

describe('what the kernel would misunderstand is refused here', () => {
  test.each(['', 'a b', 'a/b', 'a:b', '0123456789abcdef', '..', 'é'.repeat(8)])('a link named %j', (name) => {
    expect(() => createBridge({ name })).toThrow('Expected the name of a link');
    expect(() => createVeth({ name: 'fine', peer: { name } })).toThrow('Expected the name of a link');
  });
  test('renaming a link that is named by its name', () => {
    expect(() => changeLink('eth0', { name: 'eth1' })).toThrow('Expected the link to be named by its index');
  });
  test('an alias of more than 255 bytes, a port of 70000, an unknown scope', () => {
    expect(() => changeLink(1, { alias: 'x'.repeat(256) })).toThrow(TypeError);
    expect(() => createVxlan({ name: 'v', id: 1, port: 70000 })).toThrow(RangeError);
    expect(() => addRoute({ destination: '10.0.0.0/8', scope: 'galaxy' as never })).toThrow('Expected a scope');
  });
});

describe('no answer of the kernel, whole or mutilated, crashes a decoder', () => {
  const decoders = [decodeLink, decodeRoute, decodeRule, decodeNeighbour, decodeForwardingEntry, decodeAddress];
  const decodeByAll = (bytes: Uint8Array): void => {
    for (const decode of decoders) decodesOrRefuses(decode, bytes);
  };
  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodeByAll), { numRuns: 2000 });
  });
  test('mutated messages', () => {
    const valid = fc.oneof(
      route.map((each) => addRoute(each).payload), rule.map((each) => addRule(each).payload),
      neighbour.map((each) => addNeighbour(each).payload), forwardingEntry.map((each) => addForwardingEntry(each).payload),
      address.map((each) => addAddress(each).payload), fc.constant(createVxlan({ name: 'v', id: 1, port: 1, local: '10.0.0.1' }).payload),
    );
    fc.assert(fc.property(valid.chain(mutated), decodeByAll), { numRuns: 3000 });
  });
});
