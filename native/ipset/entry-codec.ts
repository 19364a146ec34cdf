/**
 * Entries of sets as bytes. Ten thousand of them travel together, so they are written straight into one buffer, each
 * with the same length; reading is by attributes, as everywhere. Decoding is total: entries, or NetlinkDecodeError.
 */

import { formatAddress, parseAddress } from '../inet.js';
import { align, AttributeMap, decodeAttributes, NLA_F_NESTED, NLA_F_NET_BYTEORDER, writeInteger } from '../netlink/attributes.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import { isLittleEndian } from '../constants.js';
import {
  IPSET_ATTR_DATA, IPSET_ATTR_IP, IPSET_ATTR_IPADDR_IPV4, IPSET_ATTR_PORT, IPSET_ATTR_PROTO, IPSET_ATTR_SKBMARK,
} from './constants.js';
import type { IpSetEntry, IpSetType } from './types.js';

const HEADER_LENGTH = 4;
const EVERY_BIT = 0xffffffff;
/** nla_len of the attribute around the entries is 16 bits wide and counts its own header. */
const MOST_BYTES = 0xffff - HEADER_LENGTH;

/** Bytes of one entry, its own header included. */
function lengthOf(type: IpSetType, withMarks: boolean): number {
  const address = type === 'bitmap:port' ? 0 : HEADER_LENGTH + HEADER_LENGTH + 4;
  const port = type === 'hash:ip' ? 0 : HEADER_LENGTH + align(2);
  const protocol = type === 'hash:ip,port' ? HEADER_LENGTH + align(1) : 0;
  return HEADER_LENGTH + address + port + protocol + (withMarks ? HEADER_LENGTH + 8 : 0);
}

/** How many entries fit into one message. */
export function mostEntries(type: IpSetType, withMarks: boolean): number {
  return Math.floor(MOST_BYTES / lengthOf(type, withMarks));
}

/** A list of IPSET_ATTR_DATA, for IPSET_ATTR_ADT. @throws TypeError, RangeError for an entry that is none of the type's. */
export function encodeEntries(type: IpSetType, withMarks: boolean, entries: readonly IpSetEntry[]): Uint8Array {
  const length = lengthOf(type, withMarks);
  const bytes = new Uint8Array(length * entries.length);
  const writer = new Writer(bytes);
  for (const entry of entries) {
    writer.header(IPSET_ATTR_DATA | NLA_F_NESTED, length - HEADER_LENGTH);
    if (type !== 'bitmap:port') writer.address(entry.address);
    if (type !== 'hash:ip') writer.port(entry.port);
    if (type === 'hash:ip,port') writer.protocol(entry.protocol);
    if (withMarks) writer.mark(entry.mark);
  }
  return bytes;
}

class Writer {
  private offset = 0;

  constructor(private readonly target: Uint8Array) {}

  header(type: number, payloadLength: number): void {
    this.number(HEADER_LENGTH + payloadLength, 2, isLittleEndian);
    this.number(type, 2, isLittleEndian);
  }

  address(address: string | undefined): void {
    const { family, bytes } = parseAddress(address ?? '');
    if (family !== 'inet') throw new TypeError(`Expected an IPv4 address, got ${address ?? 'none'}`);
    this.header(IPSET_ATTR_IP | NLA_F_NESTED, HEADER_LENGTH + 4);
    this.header(IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, 4);
    this.target.set(bytes, this.offset);
    this.offset += 4;
  }

  port(port: number | undefined): void {
    this.header(IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, 2);
    this.number(checked(port, 0xffff, 'a port'), 2);
    this.offset += 2;
  }

  protocol(protocol: number | undefined): void {
    this.header(IPSET_ATTR_PROTO, 1);
    this.number(checked(protocol, 0xff, 'an IP protocol number'), 1);
    this.offset += 3;
  }

  /** Mark and mask (ip_set_get_extensions() of net/netfilter/ipset/ip_set_core.c). */
  mark(mark: number | undefined): void {
    this.header(IPSET_ATTR_SKBMARK | NLA_F_NET_BYTEORDER, 8);
    this.number(checked(mark, EVERY_BIT, 'a mark'), 4);
    this.number(EVERY_BIT, 4);
  }

  /** In network byte order unless it is netlink's own. */
  private number(value: number, size: number, littleEndian = false): void {
    writeInteger(this.target, this.offset, size, value, littleEndian);
    this.offset += size;
  }
}

function checked(value: number | undefined, most: number, what: string): number {
  if (value === undefined || !Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`Expected ${what} from 0 to ${most}, got ${value ?? 'none'}`);
  return value;
}

/** The payload of IPSET_ATTR_ADT. */
export function decodeEntries(payload: Uint8Array): IpSetEntry[] {
  return decodeAttributes(payload).map(({ payload: data }) => decodeEntry(new AttributeMap(data)));
}

function decodeEntry(data: AttributeMap): IpSetEntry {
  const [address, protocol, port, mark] = [data.nested(IPSET_ATTR_IP)?.bytes(IPSET_ATTR_IPADDR_IPV4), data.u8(IPSET_ATTR_PROTO), data.u16be(IPSET_ATTR_PORT), data.bytes(IPSET_ATTR_SKBMARK)];
  if (address !== undefined && address.length !== 4) throw new NetlinkDecodeError(`set entry with an address of ${address.length} bytes`);
  return {
    ...(address === undefined ? {} : { address: formatAddress(address) }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(port === undefined ? {} : { port }),
    ...(mark === undefined ? {} : { mark: decodeMark(mark) }),
  };
}

/** Of a mark that leaves some bits alone, minus one: no plan has such. */
function decodeMark(bytes: Uint8Array): number {
  if (bytes.length !== 8) throw new NetlinkDecodeError(`set entry with a mark of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(4) === EVERY_BIT ? view.getUint32(0) : -1;
}
