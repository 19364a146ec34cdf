/**
 * Netlink attributes (struct nlattr, linux/netlink.h): u16 length, u16 type, payload, padding to 4 bytes.
 * Encoding builds bytes from an array of attributes. Decoding is strict and total: any byte string either is a well-formed
 * list or throws NetlinkDecodeError, in time linear in its length.
 */

import { isLittleEndian } from '../constants.js';
import { NetlinkDecodeError } from './errors.js';

/** NLA_F_NESTED: the payload is a list of attributes. */
export const NLA_F_NESTED = 1 << 15;
/** NLA_F_NET_BYTEORDER: the payload is a number in network byte order; few families say so. */
export const NLA_F_NET_BYTEORDER = 1 << 14;
/** NLA_TYPE_MASK: the type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const NLA_TYPE_MASK = 0x3fff;
/** sizeof(struct nlattr). */
const HEADER_LENGTH = 4;
/** nla_len is 16 bits wide and counts the header. */
const MAX_PAYLOAD_LENGTH = 0xffff - HEADER_LENGTH;

/** An attribute that is ready to be sent. Undefined entries of a list are left out. */
export interface Attribute {
  /** Type, with NLA_F_NESTED where it applies. */
  readonly type: number;
  readonly payload: Uint8Array;
}

/** The next multiple of 4 (NLA_ALIGN, NLMSG_ALIGN). */
export function align(length: number): number {
  return (length + 3) & ~3;
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** An integer of `size` bytes. Written by hand: a DataView for each would be half of the time of a big batch. */
function integerBytes(size: number, value: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let position = 0; position < size; position++) {
    bytes[littleEndian ? position : size - 1 - position] = (value >>> (8 * position)) & 0xff;
  }
  return bytes;
}

function checkRange(value: number, max: number, type: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`Expected attribute ${type} to be an integer from 0 to ${max}, got ${value}`);
  }
}

export function u8(type: number, value: number): Attribute {
  checkRange(value, 0xff, type);
  return { type, payload: Uint8Array.of(value) };
}
/** In the machine's byte order, as most of netlink. */
export function u16(type: number, value: number): Attribute {
  checkRange(value, 0xffff, type);
  return { type, payload: integerBytes(2, value, isLittleEndian) };
}
/** In network byte order: ports. */
export function u16be(type: number, value: number): Attribute {
  checkRange(value, 0xffff, type);
  return { type, payload: integerBytes(2, value, false) };
}
export function u32(type: number, value: number): Attribute {
  checkRange(value, 0xffffffff, type);
  return { type, payload: integerBytes(4, value, isLittleEndian) };
}
/** In network byte order: all numbers of netfilter. */
export function u32be(type: number, value: number): Attribute {
  checkRange(value, 0xffffffff, type);
  return { type, payload: integerBytes(4, value, false) };
}
/** NUL-terminated, UTF-8. */
export function string(type: number, value: string): Attribute {
  if (value.includes('\0')) throw new TypeError(`Expected a text without NUL bytes, got ${JSON.stringify(value)}`);
  return { type, payload: Buffer.from(`${value}\0`) };
}
export function bytes(type: number, payload: Uint8Array): Attribute {
  return { type, payload };
}
/** Attributes inside an attribute. */
export function nested(type: number, attributes: readonly (Attribute | undefined)[], prefix?: Uint8Array): Attribute {
  const inner = encodeAttributes(attributes);
  return { type: type | NLA_F_NESTED, payload: prefix === undefined ? inner : concatenate([prefix, inner]) };
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}

/** In the machine's byte order. */
function writeUint16(target: Uint8Array, offset: number, value: number): void {
  target[offset] = isLittleEndian ? value & 0xff : value >> 8;
  target[offset + 1] = isLittleEndian ? value >> 8 : value & 0xff;
}

/** Encodes a list, each attribute padded to 4 bytes. Throws RangeError when one is too long for its 16-bit length. */
export function encodeAttributes(attributes: readonly (Attribute | undefined)[]): Uint8Array {
  let size = 0;
  for (const attribute of attributes) {
    if (attribute !== undefined) size += align(HEADER_LENGTH + attribute.payload.length);
  }
  const result = new Uint8Array(size);
  let offset = 0;
  for (const attribute of attributes) {
    if (attribute === undefined) continue;
    const { type, payload } = attribute;
    if (payload.length > MAX_PAYLOAD_LENGTH) {
      throw new RangeError(`Expected attribute ${type & NLA_TYPE_MASK} to have at most ${MAX_PAYLOAD_LENGTH} bytes, got ${payload.length}`);
    }
    writeUint16(result, offset, HEADER_LENGTH + payload.length);
    writeUint16(result, offset + 2, type);
    result.set(payload, offset + HEADER_LENGTH);
    offset += align(HEADER_LENGTH + payload.length);
  }
  return result;
}

/**
 * A decoded list: the last attribute of each type, as nla_parse() keeps it; typed getters give undefined for a missing one.
 * Only places are remembered, since a dump of 50,000 objects has millions of attributes.
 */
export class AttributeMap {
  private readonly offsets = new Map<number, number>();
  private readonly view: DataView;

  /** Decodes `data` to its end. Fewer than 4 bytes left over at the end are padding and ignored, as the kernel does. Throws NetlinkDecodeError. */
  constructor(private readonly data: Uint8Array) {
    this.view = view(data);
    for (let offset = 0; data.length - offset >= HEADER_LENGTH; offset += align(this.view.getUint16(offset, isLittleEndian))) {
      checkLength(this.view, offset);
      this.offsets.set(this.view.getUint16(offset + 2, isLittleEndian) & NLA_TYPE_MASK, offset);
    }
  }

  has(type: number): boolean {
    return this.offsets.has(type);
  }
  bytes(type: number): Uint8Array | undefined {
    const offset = this.offsets.get(type);
    return offset === undefined ? undefined : this.data.subarray(offset + HEADER_LENGTH, offset + this.view.getUint16(offset, isLittleEndian));
  }
  u8(type: number): number | undefined {
    const offset = this.fixed(type, 1);
    return offset === undefined ? undefined : this.view.getUint8(offset);
  }
  u16(type: number): number | undefined {
    const offset = this.fixed(type, 2);
    return offset === undefined ? undefined : this.view.getUint16(offset, isLittleEndian);
  }
  u16be(type: number): number | undefined {
    const offset = this.fixed(type, 2);
    return offset === undefined ? undefined : this.view.getUint16(offset);
  }
  u32(type: number): number | undefined {
    const offset = this.fixed(type, 4);
    return offset === undefined ? undefined : this.view.getUint32(offset, isLittleEndian);
  }
  u32be(type: number): number | undefined {
    const offset = this.fixed(type, 4);
    return offset === undefined ? undefined : this.view.getUint32(offset);
  }
  i32(type: number): number | undefined {
    const offset = this.fixed(type, 4);
    return offset === undefined ? undefined : this.view.getInt32(offset, isLittleEndian);
  }
  u64(type: number): bigint | undefined {
    const offset = this.fixed(type, 8);
    return offset === undefined ? undefined : this.view.getBigUint64(offset, isLittleEndian);
  }
  u64be(type: number): bigint | undefined {
    const offset = this.fixed(type, 8);
    return offset === undefined ? undefined : this.view.getBigUint64(offset);
  }
  /** Text up to the first NUL, or to the end. */
  string(type: number): string | undefined {
    const payload = this.bytes(type);
    if (payload === undefined) return undefined;
    const end = payload.indexOf(0);
    return Buffer.from(payload.buffer, payload.byteOffset, end === -1 ? payload.length : end).toString();
  }
  nested(type: number): AttributeMap | undefined {
    const payload = this.bytes(type);
    return payload === undefined ? undefined : new AttributeMap(payload);
  }

  /** Where the payload of an attribute of that size begins. */
  private fixed(type: number, size: number): number | undefined {
    const offset = this.offsets.get(type);
    if (offset === undefined) return undefined;
    const length = this.view.getUint16(offset, isLittleEndian) - HEADER_LENGTH;
    if (length !== size) throw new NetlinkDecodeError(`attribute ${type}: expected ${size} bytes, got ${length}`);
    return offset + HEADER_LENGTH;
  }
}

/** The length of the attribute at `offset`, header included. Throws NetlinkDecodeError when it cannot be. */
function checkLength(data: DataView, offset: number): number {
  const length = data.getUint16(offset, isLittleEndian);
  if (length < HEADER_LENGTH || length > data.byteLength - offset) {
    throw new NetlinkDecodeError(`attribute at byte ${offset}: its length ${length} does not fit into the ${data.byteLength - offset} bytes left`);
  }
  return length;
}

/** All attributes of a list in order, types with their flag bits. Payloads are windows into `data`. Throws NetlinkDecodeError. */
export function decodeAttributes(data: Uint8Array): Attribute[] {
  const attributes: Attribute[] = [];
  const header = view(data);
  let offset = 0;
  while (data.length - offset >= HEADER_LENGTH) {
    const length = checkLength(header, offset);
    attributes.push({
      type: header.getUint16(offset + 2, isLittleEndian),
      payload: data.subarray(offset + HEADER_LENGTH, offset + length),
    });
    offset += align(length);
  }
  return attributes;
}
