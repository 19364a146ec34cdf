import { isIPv6 } from 'node:net';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { formatAddress, formatMacAddress, parseAddress, parseMacAddress, parsePrefix } from '../../../native/inet.js';

describe('IP and MAC addresses', () => {
  test('every address survives the way into the kernel and back', () => {
    const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));
    fc.assert(fc.property(bytes, (address) => {
      expect(parseAddress(formatAddress(address)).bytes).toEqual(address);
    }));
  });

  test('IPv6 with runs of zeros survives, and is text that others read', () => {
    const sparse = fc.array(fc.oneof(fc.constant(0), fc.constant(0), fc.constant(0xff), fc.nat({ max: 255 })), { minLength: 16, maxLength: 16 });
    fc.assert(fc.property(sparse, (bytes) => {
      const text = formatAddress(Uint8Array.from(bytes));
      expect(isIPv6(text)).toBe(true);
      expect([...parseAddress(text).bytes]).toEqual(bytes);
    }));
  });

  test.each([
    ['::', '::'], ['::1', '::1'], ['0:0:1:0:0:0:0:1', '0:0:1::1'], ['FD00::0A', 'fd00::a'], ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'], ['::ffff:10.0.0.5', '::ffff:10.0.0.5'], ['1::', '1::'],
  ])('%s is printed as ip and ipvsadm print it: %s', (text, printed) => {
    expect(formatAddress(parseAddress(text).bytes)).toBe(printed);
  });

  test.each(['', '10.0.0', '010.0.0.1', '10.0.0.256', '10.0.0.1 ', 'fe80::1%eth0', ':::', 'host', '10.0.0.1/24'])(
    'an address that is none is refused with a sentence, never sent: %j', (text) => {
      expect(() => parseAddress(text)).toThrow('Expected an IPv4 or IPv6 address');
    });

  test.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.0/ 8', '/8'])('a prefix that is none is refused: %j', (text) => {
    expect(() => parsePrefix(text)).toThrow(TypeError);
  });

  test('an address alone is a prefix of its whole length', () => {
    expect(parsePrefix('10.0.0.5').length).toBe(32);
    expect(parsePrefix('fd00::5').length).toBe(128);
  });

  test('every MAC address survives; others are refused', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      expect(parseMacAddress(formatMacAddress(bytes) ?? '')).toEqual(bytes);
    }));
    for (const text of ['', '02:42', '02:42:0a:00:00:0g', '02-42-0a-00-00-04', '02:42:0a:00:00:04:05']) {
      expect(() => parseMacAddress(text)).toThrow('Expected a MAC address');
    }
  });
});
