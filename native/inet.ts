/** Text ↔ bytes for IP addresses, prefixes and MAC addresses. Strict: a bad text is a TypeError that says what was expected. */

import { isIP, isIPv4, isIPv6 } from 'node:net';

import { AF_INET, AF_INET6 } from './constants.js';

/** Dotted IPv4 or RFC 5952 IPv6 text. */
export type IpAddress = string;
/** An address and a prefix length: "10.0.0.0/24", "fd00::1/64". */
export type IpPrefix = string;
/** Six hexadecimal bytes, lower case: "02:42:0a:00:00:04". */
export type MacAddress = string;
/** Which IP: IPv4 is `inet`, IPv6 is `inet6`, as iproute2 says. */
export type AddressFamily = 'inet' | 'inet6';

/** An address as the kernel takes it: 4 or 16 bytes, network order. */
export interface AddressBytes {
  readonly family: AddressFamily;
  readonly bytes: Uint8Array;
}

/** A prefix as the kernel takes it; the bytes behind the prefix length are kept as they were written. */
export interface PrefixBytes extends AddressBytes {
  /** Bits: 0–32 or 0–128. */
  readonly length: number;
}

/** AF_INET or AF_INET6. */
export function familyNumber(family: AddressFamily): number {
  return family === 'inet' ? AF_INET : AF_INET6;
}

/** The family of an AF_* number; undefined for what is not IP. */
export function familyOfNumber(number: number): AddressFamily | undefined {
  if (number === AF_INET) return 'inet';
  if (number === AF_INET6) return 'inet6';
  return undefined;
}

/** The family of an address in text. Throws TypeError when it is none. */
export function familyOf(address: IpAddress): AddressFamily {
  const version = isIP(address);
  if (version === 0) throw new TypeError(`Expected an IPv4 or IPv6 address, got ${JSON.stringify(address)}`);
  return version === 4 ? 'inet' : 'inet6';
}

/** Bits of a whole address. */
export function addressBits(family: AddressFamily): number {
  return family === 'inet' ? 32 : 128;
}

/** "10.0.0.5" → 4 bytes, "fd00::5" → 16 bytes. Throws TypeError. A zone ("%eth0") is refused. */
export function parseAddress(text: IpAddress): AddressBytes {
  if (isIPv4(text)) return { family: 'inet', bytes: parseIpv4(text) };
  if (isIPv6(text) && !text.includes('%')) return { family: 'inet6', bytes: parseIpv6(text) };
  throw new TypeError(`Expected an IPv4 or IPv6 address, got ${JSON.stringify(text)}`);
}

function parseIpv4(text: string): Uint8Array {
  const bytes = new Uint8Array(4);
  text.split('.').forEach((part, position) => { bytes[position] = Number(part); });
  return bytes;
}

/** `text` has passed isIPv6. */
function parseIpv6(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [head = '', tail] = text.split('::');
  const before = ipv6Groups(head);
  const after = tail === undefined ? [] : ipv6Groups(tail);
  bytes.set(before, 0);
  bytes.set(after, 16 - after.length);
  return bytes;
}

/** "fd00:1:1.2.3.4" → its bytes. */
function ipv6Groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return [...parseIpv4(group)];
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/** 4 or 16 bytes → text as inet_ntop(3) prints it (RFC 5952 for IPv6). Throws TypeError for other lengths. */
export function formatAddress(bytes: Uint8Array): IpAddress {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length === 16) return formatIpv6(bytes);
  throw new TypeError(`Expected 4 or 16 bytes of an address, got ${bytes.length}`);
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
  const zeros = longestZeroRun(groups);
  const isMapped = zeros.start === 0 && ((zeros.length === 5 && groups[5] === 0xffff) || (zeros.length === 6));
  const parts = groups.map((group) => group.toString(16));
  if (isMapped) parts.splice(6, 2, bytes.subarray(12).join('.'));
  if (zeros.length < 2) return parts.join(':');
  return `${parts.slice(0, zeros.start).join(':')}::${parts.slice(zeros.start + zeros.length).join(':')}`;
}

/** The first longest run of zero groups. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}

/** "10.0.0.0/24"; an address alone is the whole of it (/32, /128). Throws TypeError. */
export function parsePrefix(text: IpPrefix): PrefixBytes {
  const [address = '', lengthText, ...rest] = text.split('/');
  const parsed = parseAddress(address);
  if (lengthText === undefined) return { ...parsed, length: addressBits(parsed.family) };
  const length = Number(lengthText);
  if (rest.length > 0 || !/^\d{1,3}$/.test(lengthText) || length > addressBits(parsed.family)) {
    throw new TypeError(`Expected a prefix such as 10.0.0.0/24 or fd00::/64, got ${JSON.stringify(text)}`);
  }
  return { ...parsed, length };
}

export function formatPrefix(bytes: Uint8Array, length: number): IpPrefix {
  return `${formatAddress(bytes)}/${length}`;
}

/** "0.0.0.0/0" or "::/0". */
export function anyPrefix(family: AddressFamily): IpPrefix {
  return family === 'inet' ? '0.0.0.0/0' : '::/0';
}

/** "02:42:0a:00:00:04" → 6 bytes. Throws TypeError. */
export function parseMacAddress(text: MacAddress): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    throw new TypeError(`Expected a MAC address such as 02:42:0a:00:00:04, got ${JSON.stringify(text)}`);
  }
  return Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
}

/** 6 bytes → lower-case text; undefined for any other length (tunnels and loopbacks of other kinds). */
export function formatMacAddress(bytes: Uint8Array): MacAddress | undefined {
  if (bytes.length !== 6) return undefined;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}
