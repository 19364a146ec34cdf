import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { decodeDestination } from '../../../native/ipvs/destination-codec.js';
import { addDestination, addService, deleteService, setTimeouts } from '../../../native/ipvs/requests.js';
import { decodeService, formatServiceKey } from '../../../native/ipvs/service-codec.js';
import { SCHEDULER_NAMES, type Destination, type ServiceKey, type VirtualService } from '../../../native/ipvs/types.js';
import { AttributeMap, encodeAttributes } from '../../../native/netlink/attributes.js';
import { decodesOrRefuses, ipv4, ipv6, maybe, mutated, port, u32 } from './arbitraries.js';

const address = fc.oneof(ipv4, ipv6);

const key: fc.Arbitrary<ServiceKey> = fc.oneof(
  fc.record({
    kind: fc.constant('fwmark' as const), family: fc.constantFrom('inet' as const, 'inet6' as const), fwmark: fc.integer({ min: 1, max: 0xffffffff }),
  }),
  fc.record({ kind: fc.constant('address' as const), protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'sctp' as const), address, port }),
);

const service: fc.Arbitrary<VirtualService> = fc.record({
  key,
  scheduler: fc.constantFrom(...SCHEDULER_NAMES),
  persistenceSeconds: maybe(fc.integer({ min: 0, max: 86400 })),
  persistencePrefixLength: fc.integer({ min: 1, max: 32 }),
  onePacket: fc.boolean(),
  schedulerFlags: fc.record({ flag1: fc.boolean(), flag2: fc.boolean(), flag3: fc.boolean() }),
  persistenceEngine: maybe(fc.constant('sip')),
});

const destinationOf = (forwarding: Destination['forwarding'], tunnel: fc.Arbitrary<Destination['tunnel']>): fc.Arbitrary<Destination> => fc.record({
  address, port, forwarding: fc.constant(forwarding), tunnel, weight: fc.integer({ min: 0, max: 65535 }), upperThreshold: u32, lowerThreshold: u32,
});
const destination = fc.oneof(
  destinationOf('masquerade', fc.constant(undefined)), destinationOf('local', fc.constant(undefined)), destinationOf('direct-route', fc.constant(undefined)),
  destinationOf('tunnel', fc.oneof(
    fc.constant<Destination['tunnel']>({ type: 'ipip' }),
    fc.record({ type: fc.constant('gue' as const), port, checksum: fc.constantFrom('none' as const, 'checksum' as const, 'remote' as const) }),
    fc.record({ type: fc.constant('gre' as const), checksum: fc.constantFrom('none' as const, 'checksum' as const) }),
  )),
);

const nestedService = (bytes: Uint8Array): AttributeMap => new AttributeMap(bytes).nested(1) ?? new AttributeMap(new Uint8Array());
const nestedDestination = (bytes: Uint8Array): AttributeMap => new AttributeMap(bytes).nested(2) ?? new AttributeMap(new Uint8Array());
const anyKey: ServiceKey = { kind: 'fwmark', family: 'inet', fwmark: 0x61f90 };

describe('what IPVS is told is what it was asked, field by field', () => {
  test('services by mark and by address, IPv4 and IPv6, every scheduler and flag', () => {
    fc.assert(fc.property(service, (wanted) => {
      expect(decodeService(nestedService(encodeAttributes(addService(wanted).attributes)))).toMatchObject(wanted);
    }));
  });

  test('destinations of every forwarding method and encapsulation', () => {
    fc.assert(fc.property(key, destination, (of, wanted) => {
      expect(decodeDestination(nestedDestination(encodeAttributes(addDestination(of, wanted).attributes)), 'inet')).toMatchObject(wanted);
    }));
  });

  test('a fwmark service says no protocol, address and port', () => {
    const attributes = nestedService(encodeAttributes(addService({ key: anyKey, scheduler: 'rr' }).attributes));
    expect([2, 3, 4].map((type) => attributes.has(type))).toEqual([false, false, false]);
    expect([...(attributes.bytes(9) ?? [])]).toEqual([255, 255, 255, 255]);
  });

  test('timeouts that are left out are 0, which the kernel takes for "as it is"', () => {
    const attributes = new AttributeMap(encodeAttributes(setTimeouts({ tcpSeconds: 7500 }).attributes));
    expect([attributes.u32(4), attributes.u32(5), attributes.u32(6)]).toEqual([7500, 0, 0]);
  });
});

describe('what IPVS would misunderstand is refused here', () => {
  test('fwmark 0, a weight of 65536 or -1, a persistence mask of 0 bits', () => {
    expect(() => deleteService({ kind: 'fwmark', family: 'inet', fwmark: 0 })).toThrow(RangeError);
    expect(() => addDestination(anyKey, { address: '10.0.0.4', port: 80, weight: 65536 })).toThrow('Expected a weight');
    expect(() => addDestination(anyKey, { address: '10.0.0.4', port: 80, weight: -1 })).toThrow('Expected a weight');
    expect(() => addService({ key: anyKey, scheduler: 'rr', persistencePrefixLength: 0 })).toThrow('Expected a persistence prefix length');
  });
});

test('two different services never have the same name', () => {
  fc.assert(fc.property(key, key, (one, other) => {
    expect(formatServiceKey(one) === formatServiceKey(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
  }));
});

test('no answer of IPVS, whole or mutilated, crashes a decoder', () => {
  const decode = (bytes: Uint8Array): void => {
    decodesOrRefuses((data) => decodeService(nestedService(data)), bytes);
    decodesOrRefuses((data) => decodeService(new AttributeMap(data)), bytes);
    decodesOrRefuses((data) => decodeDestination(nestedDestination(data), 'inet'), bytes);
    decodesOrRefuses((data) => decodeDestination(new AttributeMap(data), 'inet6'), bytes);
  };
  const valid = fc.oneof(service.map((each) => encodeAttributes(addService(each).attributes)), destination.map((each) => encodeAttributes(addDestination(anyKey, each).attributes)));
  fc.assert(fc.property(valid.chain(mutated), decode), { numRuns: 3000 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decode), { numRuns: 2000 });
});
