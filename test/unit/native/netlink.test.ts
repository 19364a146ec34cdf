import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import * as attributes from '../../../native/netlink/attributes.js';
import { NetlinkDecodeError, NetlinkError } from '../../../native/netlink/errors.js';
import { decodeAcknowledgement, decodeDone, decodeMessages, messageLength, writeMessage, type NetlinkMessage } from '../../../native/netlink/message.js';
import { decodesOrRefuses, mutated, u32 } from './arbitraries.js';

const attribute = fc.record({ type: fc.nat({ max: 0xffff }), payload: fc.uint8Array({ maxLength: 40 }) });

describe('attributes', () => {
  test('what is written is read back, in order and byte by byte', () => {
    fc.assert(fc.property(fc.array(attribute), (list) => {
      expect(attributes.decodeAttributes(attributes.encodeAttributes(list.map(({ type, payload }) => attributes.bytes(type, payload))))).toEqual(list);
    }));
  });

  test('numbers and texts of each width are read back', () => {
    fc.assert(fc.property(fc.nat({ max: 0xff }), fc.nat({ max: 0xffff }), u32, fc.string().filter((text) => !text.includes('\0')), (byte, short, word, text) => {
      const map = new attributes.AttributeMap(attributes.encodeAttributes([
        attributes.u8(1, byte), attributes.u16(2, short), attributes.u16be(3, short), attributes.u32(4, word), undefined,
        attributes.string(5, text), attributes.nested(6, [attributes.u32(7, word)]),
      ]));
      expect([map.u8(1), map.u16(2), map.u16be(3), map.u32(4), map.string(5), map.nested(6)?.u32(7)])
        .toEqual([byte, short, short, word, Buffer.from(text).toString(), word]);
    }));
  });

  test('a port stands in network byte order', () => {
    expect([...attributes.encodeAttributes([attributes.u16be(1, 8080)])].slice(4, 6)).toEqual([0x1f, 0x90]);
  });

  test('a number that does not fit is refused instead of being sent as another one', () => {
    expect(() => attributes.u8(1, 256)).toThrow(RangeError);
    expect(() => attributes.u16(1, -1)).toThrow(RangeError);
    expect(() => attributes.u32(1, 1.5)).toThrow(RangeError);
    expect(() => attributes.u32(1, Number.NaN)).toThrow(RangeError);
    expect(() => attributes.encodeAttributes([attributes.bytes(1, new Uint8Array(65536))])).toThrow(RangeError);
    expect(() => attributes.string(1, 'a\0b')).toThrow(TypeError);
  });

  test('no byte string crashes or hangs the decoder', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => { decodesOrRefuses(attributes.decodeAttributes, bytes); }), { numRuns: 2000 });
  });

  test.each([[[0, 0, 1, 0]], [[3, 0, 1, 0]], [[9, 0, 1, 0, 1, 2, 3, 4]]])('a length that lies is refused: %j', (bytes) => {
    expect(() => attributes.decodeAttributes(Uint8Array.from(bytes))).toThrow(NetlinkDecodeError);
  });

  test('a value of the wrong size is refused, not misread', () => {
    const map = new attributes.AttributeMap(attributes.encodeAttributes([attributes.u16(1, 7)]));
    expect(() => map.u32(1)).toThrow(NetlinkDecodeError);
  });
});

const message: fc.Arbitrary<NetlinkMessage> = fc.record({
  type: fc.nat({ max: 0xffff }), flags: fc.constant(0), payload: fc.uint8Array({ maxLength: 60 }), description: fc.constant('test'),
});

function datagramOf(messages: readonly NetlinkMessage[]): Uint8Array {
  const datagram = new Uint8Array(messages.reduce((sum, each) => sum + messageLength(each), 0));
  messages.reduce((offset, each, position) => {
    writeMessage(datagram, offset, each, 5, position + 1);
    return offset + messageLength(each);
  }, 0);
  return datagram;
}

describe('messages', () => {
  test('many messages in one datagram are told apart by the numbers they were sent with', () => {
    fc.assert(fc.property(fc.array(message), (messages) => {
      expect(decodeMessages(datagramOf(messages)).map(({ type, sequence, payload }) => ({ type, sequence, payload })))
        .toEqual(messages.map(({ type, payload }, position) => ({ type, sequence: position + 1, payload })));
    }));
  });

  test('no datagram crashes or hangs the decoder, whole or mutilated', () => {
    const decodeAll = (bytes: Uint8Array): void => {
      for (const each of decodeMessages(bytes)) {
        decodesOrRefuses(() => decodeAcknowledgement(each), bytes);
        decodesOrRefuses(() => decodeDone(each), bytes);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => { decodesOrRefuses(decodeAll, bytes); }), { numRuns: 2000 });
    fc.assert(fc.property(fc.array(message, { minLength: 1 }).chain((messages) => mutated(datagramOf(messages))), (bytes) => {
      decodesOrRefuses(decodeAll, bytes);
    }), { numRuns: 2000 });
  });

  test("a refusal carries the kernel's own sentence, errno and place", () => {
    const request = Uint8Array.of(20, 0, 0, 0, 24, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0);
    const payload = attributes.concatenate([
      Uint8Array.of(0xea, 0xff, 0xff, 0xff), request,
      attributes.encodeAttributes([attributes.string(1, 'Nexthop has invalid gateway'), attributes.u32(2, 28)]),
    ]);
    const details = decodeAcknowledgement({ type: 2, flags: 0x300, sequence: 1, portId: 0, payload });
    const error = new NetlinkError('add route 10.0.0.5/32 dev 7', details);
    expect(error).toMatchObject({ code: 'EINVAL', errno: 22, attributeOffset: 28 });
    expect(error.message).toBe('add route 10.0.0.5/32 dev 7: the kernel refused with EINVAL (invalid argument): Nexthop has invalid gateway');
  });
});
