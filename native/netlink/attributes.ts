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

/** An attribute to be sent. It has no bytes of its own before they are written: a big batch has a million of them. */
export interface Attribute {
  /** Type, with NLA_F_NESTED where it applies. */
  readonly type: number;
  /** Length of the payload in bytes. */
  readonly size: number;
  /** Writes the payload at `offset` of `target`, which holds zeros there. */
  writePayload(target: Uint8Array, offset: number): void;
}

/** An attribute that was received. */
export interface ReceivedAttribute {
  /** Type, with its flag bits. */
  readonly type: number;
  /** A window into what was received. */
  readonly payload: Uint8Array;
}

/** The next multiple of 4 (NLA_ALIGN, NLMSG_ALIGN). */
export function align(length: number): number {
  return (length + 3) & ~3;
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkRange(value: number, max: number, type: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max) {
    throw new RangeError(`Expected attribute ${type} to be an integer from 0 to ${max}, got ${value}`);
  }
}

export function u8(type: number, value: number): Attribute {
  checkRange(value, 0xff, type);
  return new IntegerAttribute(type, 1, value, false);
}
/** In the machine's byte order, as most of netlink. */
export function u16(type: number, value: number): Attribute {
  checkRange(value, 0xffff, type);
  return new IntegerAttribute(type, 2, value, isLittleEndian);
}
/** In network byte order: ports. */
export function u16be(type: number, value: number): Attribute {
  checkRange(value, 0xffff, type);
  return new IntegerAttribute(type, 2, value, false);
}
export function u32(type: number, value: number): Attribute {
  checkRange(value, 0xffffffff, type);
  return new IntegerAttribute(type, 4, value, isLittleEndian);
}
/** In network byte order: all numbers of netfilter. */
export function u32be(type: number, value: number): Attribute {
  checkRange(value, 0xffffffff, type);
  return new IntegerAttribute(type, 4, value, false);
}
/** Several of `size` bytes, one behind the other, in the machine's byte order. */
export function integers(type: number, size: 2 | 4, values: readonly number[]): Attribute {
  const payload = new Uint8Array(size * values.length);
  values.forEach((value, index) => {
    checkRange(value, size === 2 ? 0xffff : 0xffffffff, type);
    writeInteger(payload, size * index, size, value, isLittleEndian);
  });
  return bytes(type, payload);
}
/** NUL-terminated, UTF-8. */
export function string(type: number, value: string): Attribute {
  if (value.includes('\0')) throw new TypeError(`Expected a text without NUL bytes, got ${JSON.stringify(value)}`);
  return bytes(type, Buffer.from(`${value}\0`));
}
export function bytes(type: number, payload: Uint8Array): Attribute {
  return new BytesAttribute(type, payload);
}
/** Attributes inside an attribute. */
export function nested(type: number, attributes: readonly (Attribute | undefined)[]): Attribute {
  return new NestedAttribute(type | NLA_F_NESTED, attributes);
}

class IntegerAttribute implements Attribute {
  constructor(readonly type: number, readonly size: number, private readonly value: number, private readonly littleEndian: boolean) {}

  writePayload(target: Uint8Array, offset: number): void {
    writeInteger(target, offset, this.size, this.value, this.littleEndian);
  }
}

class BytesAttribute implements Attribute {
  constructor(readonly type: number, private readonly payload: Uint8Array) {}

  get size(): number {
    return this.payload.length;
  }

  writePayload(target: Uint8Array, offset: number): void {
    target.set(this.payload, offset);
  }
}

class NestedAttribute implements Attribute {
  readonly size: number;

  constructor(readonly type: number, private readonly attributes: readonly (Attribute | undefined)[]) {
    this.size = sizeOf(attributes);
  }

  writePayload(target: Uint8Array, offset: number): void {
    writeAttributes(target, offset, this.attributes);
  }
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

/** Written by hand: a DataView for each would be half of the time of a big batch. */
export function writeInteger(target: Uint8Array, offset: number, size: number, value: number, littleEndian: boolean): void {
  for (let position = 0; position < size; position++) {
    target[offset + (littleEndian ? position : size - 1 - position)] = (value >>> (8 * position)) & 0xff;
  }
}

/** Length in bytes of a list, each attribute with its header and padding. */
function sizeOf(attributes: readonly (Attribute | undefined)[]): number {
  let size = 0;
  for (const attribute of attributes) {
    if (attribute !== undefined) size += align(HEADER_LENGTH + attribute.size);
  }
  return size;
}

function writeAttributes(target: Uint8Array, start: number, attributes: readonly (Attribute | undefined)[]): void {
  let offset = start;
  for (const attribute of attributes) {
    if (attribute === undefined) continue;
    const { type, size } = attribute;
    if (size > MAX_PAYLOAD_LENGTH) {
      throw new RangeError(`Expected attribute ${type & NLA_TYPE_MASK} to have at most ${MAX_PAYLOAD_LENGTH} bytes, got ${size}`);
    }
    writeInteger(target, offset, 2, HEADER_LENGTH + size, isLittleEndian);
    writeInteger(target, offset + 2, 2, type, isLittleEndian);
    attribute.writePayload(target, offset + HEADER_LENGTH);
    offset += align(HEADER_LENGTH + size);
  }
}

/**
 * Encodes a list, each attribute padded to 4 bytes, behind a fixed struct if there is one. Undefined entries are left out.
 * Throws RangeError when one is too long for its 16-bit length.
 */
export function encodeAttributes(attributes: readonly (Attribute | undefined)[], header: Uint8Array = new Uint8Array()): Uint8Array {
  const result = new Uint8Array(header.length + sizeOf(attributes));
  result.set(header);
  writeAttributes(result, header.length, attributes);
  return result;
}

/**
 * A decoded list: the last attribute of each type, as nla_parse() keeps it; typed getters give undefined for a missing one.
 * It remembers nothing of what is in it, and looks anew each time: lists are short, and a dump of 50,000 objects has
 * hundreds of thousands of them.
 */
export class AttributeMap {
  /**
   * Bytes `start` to `end` of `data`. Fewer than 4 bytes left over at the end are padding and ignored, as the kernel does.
   * Throws NetlinkDecodeError when it is no list.
   */
  constructor(private readonly data: Uint8Array, private readonly start = 0, private readonly end = data.length) {
    for (let offset = start; end - offset >= HEADER_LENGTH; offset += align(checkedLength(data, offset, end)));
  }

  has(type: number): boolean {
    return this.find(type) !== undefined;
  }
  bytes(type: number): Uint8Array | undefined {
    const offset = this.find(type);
    return offset === undefined ? undefined : this.data.subarray(offset + HEADER_LENGTH, offset + this.lengthAt(offset));
  }
  u8(type: number): number | undefined {
    return this.integer(type, 1, isLittleEndian);
  }
  u16(type: number): number | undefined {
    return this.integer(type, 2, isLittleEndian);
  }
  u16be(type: number): number | undefined {
    return this.integer(type, 2, false);
  }
  u32(type: number): number | undefined {
    return this.integer(type, 4, isLittleEndian);
  }
  u32be(type: number): number | undefined {
    return this.integer(type, 4, false);
  }
  i32(type: number): number | undefined {
    const value = this.u32(type);
    return value === undefined ? undefined : value | 0;
  }
  u64(type: number): bigint | undefined {
    const offset = this.fixed(type, 8);
    return offset === undefined ? undefined : view(this.data).getBigUint64(offset, isLittleEndian);
  }
  u64be(type: number): bigint | undefined {
    const offset = this.fixed(type, 8);
    return offset === undefined ? undefined : view(this.data).getBigUint64(offset);
  }
  /** Text up to the first NUL, or to the end. */
  string(type: number): string | undefined {
    const payload = this.bytes(type);
    if (payload === undefined) return undefined;
    const end = payload.indexOf(0);
    return Buffer.from(payload.buffer, payload.byteOffset, end === -1 ? payload.length : end).toString();
  }
  nested(type: number): AttributeMap | undefined {
    const offset = this.find(type);
    return offset === undefined ? undefined : new AttributeMap(this.data, offset + HEADER_LENGTH, offset + this.lengthAt(offset));
  }

  private lengthAt(offset: number): number {
    return readInteger(this.data, offset, 2, isLittleEndian);
  }

  /** Where the last attribute of a type begins. */
  private find(type: number): number | undefined {
    let found: number | undefined;
    for (let offset = this.start; this.end - offset >= HEADER_LENGTH; offset += align(this.lengthAt(offset))) {
      if ((readInteger(this.data, offset + 2, 2, isLittleEndian) & NLA_TYPE_MASK) === type) found = offset;
    }
    return found;
  }

  private integer(type: number, size: number, littleEndian: boolean): number | undefined {
    const offset = this.fixed(type, size);
    return offset === undefined ? undefined : readInteger(this.data, offset, size, littleEndian);
  }

  /** Where the payload of an attribute of that size begins. */
  private fixed(type: number, size: number): number | undefined {
    const offset = this.find(type);
    if (offset === undefined) return undefined;
    const length = this.lengthAt(offset) - HEADER_LENGTH;
    if (length !== size) throw new NetlinkDecodeError(`attribute ${type}: expected ${size} bytes, got ${length}`);
    return offset + HEADER_LENGTH;
  }
}

/** An unsigned integer of at most 4 bytes. */
export function readInteger(data: Uint8Array, offset: number, size: number, littleEndian: boolean): number {
  let value = 0;
  for (let position = size - 1; position >= 0; position--) {
    value = (value << 8) | (data[offset + (littleEndian ? position : size - 1 - position)] ?? 0);
  }
  return value >>> 0;
}

/** The length of the attribute at `offset`, header included. Throws NetlinkDecodeError when it reaches beyond `end`. */
function checkedLength(data: Uint8Array, offset: number, end: number): number {
  const length = readInteger(data, offset, 2, isLittleEndian);
  if (length < HEADER_LENGTH || length > end - offset) {
    throw new NetlinkDecodeError(`attribute at byte ${offset}: its length ${length} does not fit into the ${end - offset} bytes left`);
  }
  return length;
}

/** All attributes of a list in order. Throws NetlinkDecodeError. */
export function decodeAttributes(data: Uint8Array): ReceivedAttribute[] {
  const attributes: ReceivedAttribute[] = [];
  let offset = 0;
  while (data.length - offset >= HEADER_LENGTH) {
    const length = checkedLength(data, offset, data.length);
    attributes.push({
      type: readInteger(data, offset + 2, 2, isLittleEndian),
      payload: data.subarray(offset + HEADER_LENGTH, offset + length),
    });
    offset += align(length);
  }
  return attributes;
}
