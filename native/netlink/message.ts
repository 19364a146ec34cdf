/** Netlink messages (struct nlmsghdr, linux/netlink.h): what is asked, what comes back, and their bytes. */

import { isLittleEndian } from '../constants.js';
import { align, AttributeMap, readInteger, view, writeInteger } from './attributes.js';
import {
  NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSGERR_ATTR_MISS_TYPE, NLMSGERR_ATTR_MSG, NLMSGERR_ATTR_OFFS,
} from './constants.js';
import { NetlinkDecodeError, type NetlinkError, type NetlinkErrorDetails, type NetlinkNoAnswerError } from './errors.js';

/** sizeof(struct nlmsghdr). */
export const MESSAGE_HEADER_LENGTH = 16;

/** A request to the kernel. Builders make these; `NetlinkSocket.request` numbers and sends many of them at once. */
export interface NetlinkMessage {
  /** nlmsg_type: an RTM_* number, or a generic netlink family's id. */
  readonly type: number;
  /** NLM_F_* modifiers (CREATE, EXCL, REPLACE, …); REQUEST and ACK are added when it is sent. */
  readonly flags: number;
  /** Everything behind struct nlmsghdr. */
  readonly payload: Uint8Array;
  /** What is asked, for error texts: "add route 10.0.0.5/32 dev 7 table 100". */
  readonly description: string;
}

/** A message that the kernel sent (struct nlmsghdr, linux/netlink.h). */
export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  /** A window into the datagram. */
  readonly payload: Uint8Array;
}

/** The fate of one request: done (with the kernel's replies, for a GET), or refused. */
export type NetlinkResult =
  | { readonly ok: true; readonly replies: readonly ReceivedMessage[] }
  | { readonly ok: false; readonly error: NetlinkError | NetlinkNoAnswerError };

/** Length of a message in a datagram, header and padding included. */
export function messageLength(message: NetlinkMessage): number {
  return align(MESSAGE_HEADER_LENGTH + message.payload.length);
}

/** Writes a message at `offset`; its padding is left as it is there (zero). */
export function writeMessage(target: Uint8Array, offset: number, message: NetlinkMessage, flags: number, sequence: number): void {
  writeInteger(target, offset, 4, MESSAGE_HEADER_LENGTH + message.payload.length, isLittleEndian);
  writeInteger(target, offset + 4, 2, message.type, isLittleEndian);
  writeInteger(target, offset + 6, 2, flags, isLittleEndian);
  writeInteger(target, offset + 8, 4, sequence, isLittleEndian);
  target.set(message.payload, offset + MESSAGE_HEADER_LENGTH);
}

/** All messages of a datagram. Total: throws NetlinkDecodeError for whatever is not a list of messages. */
export function decodeMessages(datagram: Uint8Array): ReceivedMessage[] {
  const messages: ReceivedMessage[] = [];
  let offset = 0;
  while (datagram.length - offset >= MESSAGE_HEADER_LENGTH) {
    const length = readInteger(datagram, offset, 4, isLittleEndian);
    if (length < MESSAGE_HEADER_LENGTH || length > datagram.length - offset) {
      throw new NetlinkDecodeError(`message at byte ${offset}: its length ${length} does not fit into the ${datagram.length - offset} bytes left`);
    }
    messages.push({
      type: readInteger(datagram, offset + 4, 2, isLittleEndian),
      flags: readInteger(datagram, offset + 6, 2, isLittleEndian),
      sequence: readInteger(datagram, offset + 8, 4, isLittleEndian),
      portId: readInteger(datagram, offset + 12, 4, isLittleEndian),
      payload: datagram.subarray(offset + MESSAGE_HEADER_LENGTH, offset + length),
    });
    offset += align(length);
  }
  if (offset < datagram.length) throw new NetlinkDecodeError(`${datagram.length - offset} bytes left over behind the last message`);
  return messages;
}

/** Decodes an acknowledgement (NLMSG_ERROR). `errno` 0 means done. Throws NetlinkDecodeError. */
export function decodeAcknowledgement(message: ReceivedMessage): NetlinkErrorDetails {
  const errno = readErrno(message);
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno };
  if (message.payload.length < 4 + MESSAGE_HEADER_LENGTH) throw new NetlinkDecodeError('acknowledgement without the header of its request');
  const requestLength = view(message.payload).getUint32(4, isLittleEndian);
  const echoed = (message.flags & NLM_F_CAPPED) === 0 ? align(requestLength) : MESSAGE_HEADER_LENGTH;
  return { errno, ...decodeExtendedAck(message.payload.subarray(4 + echoed)) };
}

/** Decodes the end of a dump (NLMSG_DONE), which carries an error when the dump broke off. Throws NetlinkDecodeError. */
export function decodeDone(message: ReceivedMessage): NetlinkErrorDetails {
  if (message.payload.length < 4) return { errno: 0 };
  const errno = readErrno(message);
  return (message.flags & NLM_F_ACK_TLVS) === 0 ? { errno } : { errno, ...decodeExtendedAck(message.payload.subarray(4)) };
}

/** The kernel's s32, 0 or a negative errno, as a positive errno. */
function readErrno(message: ReceivedMessage): number {
  if (message.payload.length < 4) throw new NetlinkDecodeError(`acknowledgement of ${message.payload.length} bytes`);
  return Math.max(0, -view(message.payload).getInt32(0, isLittleEndian));
}

function decodeExtendedAck(data: Uint8Array): Omit<NetlinkErrorDetails, 'errno'> {
  const attributes = new AttributeMap(data);
  return {
    kernelText: attributes.string(NLMSGERR_ATTR_MSG),
    attributeOffset: attributes.u32(NLMSGERR_ATTR_OFFS),
    missingAttribute: attributes.u32(NLMSGERR_ATTR_MISS_TYPE),
  };
}
