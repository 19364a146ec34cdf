/** Messages of nfnetlink (linux/netfilter/nfnetlink.h): struct nfgenmsg, then attributes. Its subsystems share them. */

import { AttributeMap, encodeAttributes, type Attribute } from './attributes.js';
import { NetlinkDecodeError } from './errors.js';
import type { NetlinkMessage } from './message.js';

const NFNETLINK_V0 = 0;
/** sizeof(struct nfgenmsg). */
const NFGENMSG_LENGTH = 4;

/** What a message is about: the subsystem is the upper byte of its type, the command the lower one. */
export interface NetfilterRequest {
  readonly subsystem: number;
  readonly command: number;
  /** AF_INET or AF_INET6. */
  readonly family: number;
  readonly flags?: number;
  readonly description: string;
}

/** Undefined attributes are left out. */
export function netfilterMessage({ subsystem, command, family, flags = 0, description }: NetfilterRequest, attributes: readonly (Attribute | undefined)[]): NetlinkMessage {
  return {
    type: (subsystem << 8) | command,
    flags,
    payload: encodeAttributes(attributes, Uint8Array.of(family, NFNETLINK_V0, 0, 0)),
    description,
  };
}

/** Of a message's payload. Throws NetlinkDecodeError. */
export function netfilterAttributes(payload: Uint8Array): AttributeMap {
  if (payload.length < NFGENMSG_LENGTH) throw new NetlinkDecodeError(`expected a netfilter header of ${NFGENMSG_LENGTH} bytes, got ${payload.length}`);
  return new AttributeMap(payload, NFGENMSG_LENGTH);
}
