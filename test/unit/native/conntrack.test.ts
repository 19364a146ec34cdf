import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { decodeConntrackEntry, decodeConntrackEvent, encodeTuple, getConntrackEntry } from '../../../native/conntrack/codec.js';
import { TCP_STATES } from '../../../native/conntrack/constants.js';
import type { ConntrackEntry, ConntrackTuple } from '../../../native/conntrack/types.js';
import { bytes, concatenate, encodeAttributes, nested, u16be, u32be, u8, type Attribute } from '../../../native/netlink/attributes.js';
import { decodesOrRefuses, ipv4, ipv6, maybe, mutated, port, u32 } from './arbitraries.js';

const zone = fc.integer({ min: 0, max: 0xffff });
const counter = fc.record({ packets: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), bytes: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) });

const tupleOf = (address: fc.Arbitrary<string>): fc.Arbitrary<ConntrackTuple> => fc.record({
  protocol: fc.constant(6), source: address, sourcePort: fc.option(port, { nil: undefined }), destination: address, destinationPort: fc.option(port, { nil: undefined }), zone: maybe(zone),
});
const tuple = fc.oneof(tupleOf(ipv4), tupleOf(ipv6));

const entry: fc.Arbitrary<ConntrackEntry> = fc.record({
  id: u32, original: tuple, reply: tuple, zone, mark: u32,
  seenReply: fc.boolean(), assured: fc.boolean(), sourceTranslated: fc.boolean(), destinationTranslated: fc.boolean(),
  timeoutSeconds: maybe(u32),
  state: fc.constantFrom(...TCP_STATES),
  closedFirst: fc.constantFrom<ConntrackEntry['closedFirst'][]>('original', 'reply', undefined),
  counters: maybe(fc.record({ original: counter, reply: counter })),
});

function u64be(type: number, value: bigint): Attribute {
  const payload = new Uint8Array(8);
  new DataView(payload.buffer).setBigUint64(0, value);
  return bytes(type, payload);
}

/** As ctnetlink_fill_info() of net/netfilter/nf_conntrack_netlink.c writes an entry; attribute numbers are those of the header. */
function written(each: ConntrackEntry): Uint8Array {
  const bit = (isSet: boolean, number: number): number => (isSet ? 1 << number : 0);
  const status = bit(each.seenReply, 1) | bit(each.assured, 2) | bit(each.sourceTranslated, 4) | bit(each.destinationTranslated, 5);
  const flags = (direction: ConntrackEntry['closedFirst']): Uint8Array => Uint8Array.of(each.closedFirst === direction ? 0x27 : 0x23, 0);
  const counters = each.counters;
  return concatenate([Uint8Array.of(2, 0, 0, 0), encodeAttributes([
    encodeTuple(1, each.original),
    encodeTuple(2, each.reply),
    each.zone === 0 ? undefined : u16be(18, each.zone),
    u32be(3, status),
    each.timeoutSeconds === undefined ? undefined : u32be(7, each.timeoutSeconds),
    counters === undefined ? undefined : nested(9, [u64be(1, counters.original.packets), u64be(2, counters.original.bytes)]),
    counters === undefined ? undefined : nested(10, [u64be(1, counters.reply.packets), u64be(2, counters.reply.bytes)]),
    nested(4, [nested(1, [u8(1, TCP_STATES.findIndex((state) => state === each.state)), u8(2, 7), u8(3, 7), bytes(4, flags('original')), bytes(5, flags('reply'))])]),
    u32be(8, each.mark),
    u32be(12, each.id),
  ])]);
}

describe('conntrack entries', () => {
  test('are read as the kernel writes them: tuples, zones, mark, state, who closed first, counters', () => {
    fc.assert(fc.property(entry, (each) => { expect(decodeConntrackEntry(written(each))).toEqual(each); }));
  });

  test('of a direction of its own zone are asked for in that zone', () => {
    const asked = getConntrackEntry({ protocol: 6, source: '10.0.0.1', sourcePort: 1, destination: '10.0.0.2', destinationPort: 2, zone: 4097 });
    const other = getConntrackEntry({ protocol: 6, source: '10.0.0.1', sourcePort: 1, destination: '10.0.0.2', destinationPort: 2, zone: undefined });
    expect(asked.payload.length).toBe(other.payload.length + 8);
    expect(asked).toMatchObject({ type: 0x101, description: 'get conntrack entry 10.0.0.1:1 to 10.0.0.2:2' });
  });

  test('of two families are refused before the kernel is asked', () => {
    expect(() => encodeTuple(1, { protocol: 6, source: '10.0.0.1', sourcePort: 1, destination: 'fd00::1', destinationPort: 2, zone: undefined })).toThrow(TypeError);
  });
});

describe('conntrack events', () => {
  const payload = written({
    id: 7, zone: 0, mark: 0, seenReply: false, assured: false, sourceTranslated: false, destinationTranslated: true, timeoutSeconds: 120, state: 'SYN_SENT', closedFirst: undefined, counters: undefined,
    original: { protocol: 6, source: '192.168.56.100', sourcePort: 50000, destination: '192.168.56.11', destinationPort: 8080, zone: undefined },
    reply: { protocol: 6, source: '172.30.0.2', sourcePort: 8080, destination: '192.168.56.100', destinationPort: 50000, zone: undefined },
  });

  test.each([
    ['a new entry', 0x100, 0x600, 'new'],
    ['a change', 0x100, 0, 'update'],
    ['an end', 0x102, 0, 'destroy'],
  ])('tell %s', (_name, type, flags, kind) => {
    expect(decodeConntrackEvent({ type, flags, payload })).toMatchObject({ kind, entry: { id: 7, state: 'SYN_SENT', destinationTranslated: true, reply: { source: '172.30.0.2' } } });
  });

  test('of nftables and of expectations are not taken for connections', () => {
    expect(decodeConntrackEvent({ type: 0xa00, flags: 0, payload })).toBeUndefined();
    expect(decodeConntrackEvent({ type: 0x200, flags: 0, payload })).toBeUndefined();
    expect(decodeConntrackEvent({ type: 0x103, flags: 0, payload })).toBeUndefined();
  });
});

describe('no byte string crashes the decoder', () => {
  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (random) => { decodesOrRefuses(decodeConntrackEntry, random); }), { numRuns: 2000 });
  });
  test('mutated entries', () => {
    fc.assert(fc.property(entry.map(written).chain(mutated), (random) => { decodesOrRefuses(decodeConntrackEntry, random); }), { numRuns: 3000 });
  });
});
