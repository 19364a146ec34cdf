/** Random values of the kernel's kinds, for property tests. */

import fc from 'fast-check';

import { formatAddress, formatMacAddress } from '../../../native/inet.js';
import { NetlinkDecodeError } from '../../../native/netlink/errors.js';

export const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(formatAddress);
export const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatAddress);
export const port = fc.integer({ min: 1, max: 65535 });
export const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => formatMacAddress(bytes) ?? '');
export const index = fc.integer({ min: 1, max: 0x7fffffff });
export const u32 = fc.integer({ min: 0, max: 0xffffffff });
export const linkName = fc.stringMatching(/^[a-z][a-z0-9-]{0,14}$/);
export const ipv4Prefix = fc.tuple(ipv4, fc.integer({ min: 1, max: 32 })).map(([address, length]) => `${address}/${length}`);
export const ipv6Prefix = fc.tuple(ipv6, fc.integer({ min: 1, max: 128 })).map(([address, length]) => `${address}/${length}`);

/** Undefined, or a value. */
export const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> => fc.option(value, { nil: undefined });

/** Runs a decoder on bytes that may be anything; passes when it answers or refuses in its own words, fails on any other error. */
export function decodesOrRefuses(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes);
  } catch (error) {
    if (!(error instanceof NetlinkDecodeError)) throw error;
  }
}

/** `valid` with a few bytes overwritten and its end cut off. */
export function mutated(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(
      fc.array(fc.tuple(fc.nat({ max: Math.max(0, valid.length - 1) }), fc.nat({ max: 255 })), { maxLength: 8 }),
      fc.nat({ max: valid.length }),
    )
    .map(([changes, cut]) => {
      const bytes = Uint8Array.from(valid);
      for (const [offset, value] of changes) bytes[offset] = value;
      return bytes.subarray(0, cut);
    });
}
