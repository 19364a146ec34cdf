/** The fixed structs that stand before the attributes of rtnetlink messages, as bytes. */

import { isLittleEndian } from '../constants.js';
import { AttributeMap, encodeAttributes, view, type Attribute } from '../netlink/attributes.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import type { NetlinkMessage } from '../netlink/message.js';

/** sizeof of struct ifinfomsg, ifaddrmsg (linux/if_addr.h), rtmsg, fib_rule_hdr (linux/fib_rules.h), ndmsg (linux/neighbour.h), rtgenmsg. */
export const IFINFOMSG_LENGTH = 16;
export const IFADDRMSG_LENGTH = 8;
export const RTMSG_LENGTH = 12;
export const FIB_RULE_HDR_LENGTH = 12;
export const NDMSG_LENGTH = 12;
/** struct rtgenmsg is one byte, padded. */
export const RTGENMSG_LENGTH = 4;

/** A message of one fixed struct and attributes. */
export function routeMessage(
  description: string, type: number, flags: number, header: Uint8Array, attributes: readonly (Attribute | undefined)[],
): NetlinkMessage {
  return { type, flags, payload: encodeAttributes(attributes, header), description };
}

/** Splits a message at the end of its fixed struct. Throws NetlinkDecodeError when it is too short. */
export function splitMessage(payload: Uint8Array, headerLength: number): { header: DataView; attributes: AttributeMap } {
  if (payload.length < headerLength) throw new NetlinkDecodeError(`expected a header of ${headerLength} bytes, got ${payload.length}`);
  return { header: view(payload.subarray(0, headerLength)), attributes: new AttributeMap(payload, headerLength) };
}

/** struct ifinfomsg (linux/rtnetlink.h): only the flag bits in `change` are changed. */
export function ifinfomsg(index = 0, flags = 0, change = 0): Uint8Array {
  const bytes = new Uint8Array(IFINFOMSG_LENGTH);
  const header = view(bytes);
  header.setInt32(4, index, isLittleEndian);
  header.setUint32(8, flags, isLittleEndian);
  header.setUint32(12, change, isLittleEndian);
  return bytes;
}

/** struct ndmsg (linux/neighbour.h). */
export function ndmsg(family: number, linkIndex: number, state: number, flags: number): Uint8Array {
  const bytes = new Uint8Array(NDMSG_LENGTH);
  const header = view(bytes);
  header.setUint8(0, family);
  header.setInt32(4, linkIndex, isLittleEndian);
  header.setUint16(8, state, isLittleEndian);
  header.setUint8(10, flags);
  return bytes;
}

/** The attribute made from `value`, unless that is undefined. */
export function optional<Value>(value: Value | undefined, make: (value: Value) => Attribute): Attribute | undefined {
  return value === undefined ? undefined : make(value);
}
