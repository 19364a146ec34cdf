import { describe, expect, it } from '@jest/globals';
import type { Rule } from '../../../native/index.js';
import type { SeenRoute } from '../../../src/trace/observation.js';
import { arriving, type Packet } from '../../../src/trace/packet.js';
import { routed, routeQuestion } from '../../../src/trace/routing.js';

const rule = (priority: number, table: number, more: Partial<Rule> = {}): Rule => ({
  family: 'inet', priority, action: 'lookup', table, from: undefined, to: undefined, inputInterface: undefined, outputInterface: undefined, fwmark: undefined, fwmask: undefined,
  protocol: 0, suppressPrefixLength: undefined, ipProtocol: undefined, sourcePorts: undefined, destinationPorts: undefined, isInverted: false, ...more,
});
const route = (destination: string, device: string | null, more: Partial<SeenRoute> = {}): SeenRoute => ({ destination, table: 254, type: 'unicast', device, via: null, metric: 0, ...more });
const local = rule(0, 255);
const main = rule(32766, 254);
const packet: Packet = arriving('udp', { source: '10.0.0.5', sourcePort: 53, destination: '192.0.2.1', destinationPort: 50_000 }, null);
const device = (rules: readonly Rule[], routes: readonly SeenRoute[], asked = packet): string => {
  const found = routed({ rules, routes }, asked);
  return found.type === 'route' ? (found.route.device ?? 'none') : found.type === 'refused' ? found.word : found.type;
};

describe('which way a packet is routed', () => {
  it('by the longest prefix, then the lowest metric', () => {
    const routes = [route('0.0.0.0/0', 'a'), route('192.0.2.0/24', 'c', { metric: 100 }), route('192.0.2.0/24', 'b', { metric: 10 }), route('192.0.0.0/16', 'd')];
    expect(device([local, main], routes)).toBe('b');
    expect(device([local, main], routes.slice(0, 1))).toBe('a');
    expect(device([local, main], [])).toBe('none');
  });

  it('to itself where the address is its own', () => {
    expect(device([local, main], [route('192.0.2.1/32', 'lo', { table: 255, type: 'local' }), route('0.0.0.0/0', 'a')])).toBe('local');
  });

  it('nowhere where a route or a rule refuses it', () => {
    expect(device([local, main], [route('192.0.2.0/24', null, { type: 'blackhole' })])).toBe('blackhole');
    expect(device([rule(5, 0, { action: 'prohibit', from: '10.0.0.0/24' }), main], [route('0.0.0.0/0', 'a')])).toBe('prohibit');
  });

  it('by the next rule where a table has nothing, or says throw', () => {
    const routes = [route('0.0.0.0/0', 'a'), route('192.0.2.0/24', null, { table: 7, type: 'throw' })];
    expect(device([rule(1, 7), main], routes)).toBe('a');
    expect(device([rule(1, 8), main], routes)).toBe('a');
  });

  it.each<[string, Partial<Rule>, string]>([
    ['from its source', { from: '10.0.0.5/32' }, 'special'],
    ['from another source', { from: '10.0.0.6/32' }, 'usual'],
    ['to its destination', { to: '192.0.2.0/24' }, 'special'],
    ['from its port', { ipProtocol: 17, sourcePorts: { first: 53, last: 53 } }, 'special'],
    ['from another port', { ipProtocol: 17, sourcePorts: { first: 54, last: 60 } }, 'usual'],
    ['of another protocol', { ipProtocol: 6 }, 'usual'],
    ['with a mark that it does not have', { fwmark: 0x380c, fwmask: 0xffff }, 'usual'],
    ['with a mark under a mask', { fwmark: 0, fwmask: 0xffff }, 'special'],
    ['that is made here', { inputInterface: 'lo' }, 'special'],
    ['that comes in elsewhere', { inputInterface: 'eth0' }, 'usual'],
    ['of a socket bound to a device', { outputInterface: 'eth0' }, 'usual'],
    ['not from another source', { from: '10.0.0.6/32', isInverted: true }, 'special'],
    ['without its default route', { suppressPrefixLength: 0 }, 'usual'],
  ])('by a rule for a packet %s: %j → %s', (_name, selector, expected) => {
    expect(device([local, rule(100, 100, selector), main], [route('0.0.0.0/0', 'special', { table: 100 }), route('0.0.0.0/0', 'usual')])).toBe(expected);
  });

  it('can be asked of the kernel in the same words', () => {
    expect(routeQuestion(packet)).toEqual(['ip', 'route', 'get', '192.0.2.1']);
    expect(routeQuestion({ ...packet, inputDevice: 'sbox0' })).toEqual(['ip', 'route', 'get', '192.0.2.1', 'from', '10.0.0.5', 'iif', 'sbox0']);
  });
});
