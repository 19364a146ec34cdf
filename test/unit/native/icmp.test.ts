import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeEchoReply, encodeEchoRequest, internetChecksum } from '../../../native/icmp.js';

/** An IPv4 packet with an ICMP message in it; options make the header longer. */
function packet(message: Uint8Array, { source = [10, 0, 0, 5], options = 0, protocol = 1 } = {}): Uint8Array {
  const header = new Uint8Array(20 + options * 4);
  header[0] = 0x40 | (header.byteLength / 4);
  header[9] = protocol;
  header.set(source, 12);
  return Uint8Array.of(...header, ...message);
}

function replyTo(request: Uint8Array): Uint8Array {
  const reply = request.slice();
  reply[0] = 0;
  reply.set([0, 0], 2);
  const checksum = internetChecksum(reply);
  reply.set([checksum >>> 8, checksum & 0xff], 2);
  return reply;
}

describe('an echo', () => {
  it('goes out as RFC 792 has it, so that any kernel answers', () => {
    expect([...encodeEchoRequest(0x1234, 7)]).toEqual([8, 0, 0xe5, 0xc4, 0x12, 0x34, 0, 7]);
  });

  it('comes back with who answered what, also behind IP options', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.nat(0xffff), fc.nat(10), (identifier, sequence, options) => {
        const reply = packet(replyTo(encodeEchoRequest(identifier, sequence)), { options });
        expect(decodeEchoReply(reply)).toEqual({ source: '10.0.0.5', identifier, sequence });
      }),
    );
  });

  it('is not taken from a request, another protocol or a damaged message: nobody is alive by mistake', () => {
    const request = encodeEchoRequest(1, 2);
    const damaged = replyTo(request);
    damaged[7] = 3;
    expect(decodeEchoReply(packet(request))).toBeUndefined();
    expect(decodeEchoReply(packet(replyTo(request), { protocol: 17 }))).toBeUndefined();
    expect(decodeEchoReply(packet(damaged))).toBeUndefined();
  });

  it('is read from any bytes without a crash', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => { decodeEchoReply(bytes); }));
  });
});
