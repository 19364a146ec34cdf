/** IPv4 addresses as rules and routes name them. */
import { isIPv4 } from 'node:net';
import { ipv4ToNumber } from '../../plan/addresses.js';
import { certainly, type Certainty } from './certainty.js';

/** `10.0.0.5`, `10.0.0.0/8`, `10.0.0.0/255.0.255.0`. Unknown for a text that is none of these. */
export function isInPrefix(address: string, prefix: string): Certainty {
  // Most rules and routes name one address: a thousand of them are asked about each real server.
  if (prefix.endsWith('/32')) return certainly(prefix.length === address.length + 3 && prefix.startsWith(address));
  const [network = '', length = '32'] = prefix.split('/');
  const mask = isIPv4(length) ? ipv4ToNumber(length) : maskOf(Number(length));
  if (!isIPv4(network) || mask === null) return 'unknown';
  return certainly((ipv4ToNumber(address) & mask) === (ipv4ToNumber(network) & mask));
}

/** `10.0.0.1-10.0.0.9` */
export function isInRange(address: string, range: string): Certainty {
  const [first = '', last = first] = range.split('-');
  if (!isIPv4(first) || !isIPv4(last)) return 'unknown';
  const number = ipv4ToNumber(address);
  return certainly(number >= ipv4ToNumber(first) && number <= ipv4ToNumber(last));
}

function maskOf(length: number): number | null {
  if (!Number.isInteger(length) || length < 0 || length > 32) return null;
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}
