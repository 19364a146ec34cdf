/** Generic netlink (linux/genetlink.h): families found by name, commands with attributes. */

import { AttributeMap, encodeAttributes, string, type Attribute } from './netlink/attributes.js';
import { NETLINK_GENERIC } from './netlink/constants.js';
import { NetlinkDecodeError, NetlinkError } from './netlink/errors.js';
import type { NetlinkMessage, NetlinkResult, ReceivedMessage } from './netlink/message.js';
import { NetlinkSocket, throwFirstRefusal } from './netlink/socket.js';
import type { NetworkNamespace } from './netns.js';

/** The family that knows the others: "nlctrl". */
const GENL_ID_CTRL = 16;
const CTRL_VERSION = 2;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
/** sizeof(struct genlmsghdr). */
const GENLMSGHDR_LENGTH = 4;

/** A command of a family. */
export interface GenericCommand {
  /** The family's own command number. */
  readonly command: number;
  /** NLM_F_* modifiers. */
  readonly flags?: number | undefined;
  /** May be empty. */
  readonly attributes: readonly Attribute[];
  /** What is asked, for error texts. */
  readonly description: string;
}

/** A reply of a family. */
export interface GenericReply {
  readonly command: number;
  readonly attributes: AttributeMap;
}

/** A socket that speaks to one family. */
export class GenericNetlinkSocket {
  private constructor(
    private readonly socket: NetlinkSocket,
    private readonly familyId: number,
    private readonly version: number,
  ) {}

  /**
   * Opens a socket inside `namespace` and finds the family, which makes the kernel load its module when it can.
   * @throws NetlinkError ENOENT when the kernel has no such family
   */
  static open(familyName: string, version: number, namespace?: NetworkNamespace): GenericNetlinkSocket {
    const socket = NetlinkSocket.open(NETLINK_GENERIC, namespace);
    try {
      return new GenericNetlinkSocket(socket, resolveFamily(socket, familyName), version);
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  close(): void {
    this.socket.close();
  }

  /** One result for each command, in order; a refused one does not stop the rest. */
  request(commands: readonly GenericCommand[]): NetlinkResult[] {
    return this.socket.request(commands.map((command) => this.toMessage(command)));
  }

  /** The replies to one command that reads. Throws NetlinkError when it is refused. */
  ask(command: GenericCommand): GenericReply[] {
    const results = this.request([command]);
    throwFirstRefusal(results);
    return results.flatMap((result) => (result.ok ? result.replies.map(decodeGenericReply) : []));
  }

  /** Reads a whole table. */
  dump(command: GenericCommand): GenericReply[] {
    return this.socket.dump(this.toMessage(command)).map(decodeGenericReply);
  }

  private toMessage({ command, flags, attributes, description }: GenericCommand): NetlinkMessage {
    return { type: this.familyId, flags: flags ?? 0, payload: genericPayload(command, this.version, attributes), description };
  }
}

/** struct genlmsghdr and attributes. */
function genericPayload(command: number, version: number, attributes: readonly Attribute[]): Uint8Array {
  return encodeAttributes(attributes, Uint8Array.of(command, version, 0, 0));
}

/** Decodes a reply of any family. Throws NetlinkDecodeError. */
export function decodeGenericReply(message: Pick<ReceivedMessage, 'payload'>): GenericReply {
  const { payload } = message;
  const command = payload[0];
  if (command === undefined || payload.length < GENLMSGHDR_LENGTH) {
    throw new NetlinkDecodeError(`expected a generic netlink header of ${GENLMSGHDR_LENGTH} bytes, got ${payload.length}`);
  }
  return { command, attributes: new AttributeMap(payload, GENLMSGHDR_LENGTH) };
}

function resolveFamily(socket: NetlinkSocket, familyName: string): number {
  const description = `find generic netlink family ${familyName}`;
  const attributes = [string(CTRL_ATTR_FAMILY_NAME, familyName)];
  const [result] = socket.request([
    { type: GENL_ID_CTRL, flags: 0, payload: genericPayload(CTRL_CMD_GETFAMILY, CTRL_VERSION, attributes), description },
  ]);
  if (result?.ok === false) throw result.error;
  for (const reply of result?.replies ?? []) {
    const id = decodeGenericReply(reply).attributes.u16(CTRL_ATTR_FAMILY_ID);
    if (id !== undefined) return id;
  }
  throw new NetlinkError(description, { errno: 2 /* ENOENT */ });
}
