/** One netlink request before it has a sequence number, and what comes back for it. */

import type { NetlinkError, NetlinkNoAnswerError } from './errors.js';

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
  readonly payload: Uint8Array;
}

/** The fate of one request: done (with the kernel's replies, for a GET), or refused. */
export type NetlinkResult =
  | { readonly ok: true; readonly replies: readonly ReceivedMessage[] }
  | { readonly ok: false; readonly error: NetlinkError | NetlinkNoAnswerError };
