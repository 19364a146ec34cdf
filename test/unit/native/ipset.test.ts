import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { decodeEntries, encodeEntries, mostEntries } from '../../../native/ipset/entry-codec.js';
import { decodeSet } from '../../../native/ipset/ipset.js';
import { addEntries, createSet, deleteEntries, destroySet } from '../../../native/ipset/requests.js';
import type { IpSetEntry, IpSetType } from '../../../native/ipset/types.js';
import { bytes, concatenate, encodeAttributes, nested, NLA_F_NESTED, string, u32be } from '../../../native/netlink/attributes.js';
import { decodesOrRefuses, ipv4, mutated, u32 } from './arbitraries.js';

const port = fc.integer({ min: 0, max: 65535 });
const protocol = fc.integer({ min: 0, max: 255 });
const entries: Readonly<Record<IpSetType, fc.Arbitrary<IpSetEntry>>> = {
  'bitmap:port': fc.record({ port }),
  'hash:ip,port': fc.record({ address: ipv4, protocol, port }),
  'hash:ip': fc.record({ address: ipv4 }),
};
const types = Object.keys(entries) as IpSetType[];
const contents = fc.constantFrom(...types).chain((type) => fc.record({ type: fc.constant(type), list: fc.array(entries[type]) }));

describe('entries of sets', () => {
  test('are read as they were written, of every type', () => {
    fc.assert(fc.property(contents, ({ type, list }) => {
      expect(decodeEntries(encodeEntries(type, false, list))).toEqual(list);
    }));
  });

  test('bring their marks, all 32 bits of them', () => {
    fc.assert(fc.property(fc.array(fc.record({ port, mark: u32 })), (list) => {
      expect(decodeEntries(encodeEntries('bitmap:port', true, list))).toEqual(list);
    }));
  });

  test('travel together: as few messages as hold them, none longer than an attribute may be', () => {
    fc.assert(fc.property(fc.constantFrom(...types), fc.integer({ min: 0, max: 12_000 }), (type, count) => {
      const list = Array.from({ length: count }, (_, index): IpSetEntry => ({ address: '10.0.0.1', protocol: 6, port: index }));
      const messages = addEntries({ name: 'x', type, withMarks: false }, list);
      expect(messages).toHaveLength(Math.ceil(count / mostEntries(type, false)));
      for (const { payload } of messages) expect(payload.length).toBeLessThan(0x10000 + 64);
    }), { numRuns: 20 });
  });

  test('that are none of their type are refused before the kernel sees them', () => {
    expect(() => addEntries({ name: 'x', type: 'bitmap:port', withMarks: false }, [{ port: 65_536 }])).toThrow(/a port from 0 to 65535, got 65536/);
    expect(() => addEntries({ name: 'x', type: 'bitmap:port', withMarks: true }, [{ port: 1 }])).toThrow(/a mark .* got none/);
    expect(() => deleteEntries({ name: 'x', type: 'hash:ip' }, [{ address: '::1' }])).toThrow(/IPv4/);
    expect(() => deleteEntries({ name: 'x', type: 'hash:ip' }, [{ address: '1.2.3.4; reboot' }])).toThrow(TypeError);
  });

  test('of any bytes are entries or a refusal', () => {
    fc.assert(fc.property(contents.chain(({ type, list }) => mutated(encodeEntries(type, false, list))), (payload) => { decodesOrRefuses(decodeEntries, payload); }));
  });
});

describe('a set', () => {
  const header = Uint8Array.of(2, 0, 0, 0);
  const part = (...attributes: Parameters<typeof encodeAttributes>[0]) => ({ payload: concatenate([header, encodeAttributes(attributes)]) });
  const options = nested(7, [bytes(4, Uint8Array.of(0, 0)), bytes(5, Uint8Array.of(0xff, 0xff)), u32be(8, 1 << 6)]);
  const holding = (...list: IpSetEntry[]) => bytes(8 | NLA_F_NESTED, encodeEntries('bitmap:port', true, list));

  test('comes in several messages, the first with its options', () => {
    const replies = [
      part(string(2, 'mesh-tcp'), string(3, 'bitmap:port'), options, holding({ port: 80, mark: 1 })),
      part(string(2, 'mesh-tcp'), holding({ port: 443, mark: 2 })),
    ];
    expect(decodeSet(replies)).toEqual({ name: 'mesh-tcp', type: 'bitmap:port', withMarks: true, isPlain: true, entries: [{ port: 80, mark: 1 }, { port: 443, mark: 2 }] });
    expect(decodeSet([])).toBeUndefined();
  });

  test('of any bytes is a set or a refusal', () => {
    const { payload } = part(string(2, 'mesh-tcp'), string(3, 'bitmap:port'), options, holding({ port: 80, mark: 1 }));
    fc.assert(fc.property(mutated(payload), (mangled) => { decodesOrRefuses((bytes_) => decodeSet([{ payload: bytes_ }]), mangled); }));
  });

  test('has a name that can be a word of a rule, and nothing else', () => {
    for (const name of ['', '-A', 'a b', 'x'.repeat(32), 'a\nCOMMIT', 'ü', 'a"']) {
      expect(() => destroySet(name)).toThrow(/Expected the name of a set/);
      expect(() => createSet({ name, type: 'hash:ip', withMarks: false, expected: 0 })).toThrow(/Expected the name of a set/);
    }
  });
});
