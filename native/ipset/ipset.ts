/** Sets of one network namespace, over nfnetlink: no ipset(8) is needed, or started. */

import type { AttributeMap } from '../netlink/attributes.js';
import { NETLINK_NETFILTER } from '../netlink/constants.js';
import { NetlinkDecodeError, NetlinkError } from '../netlink/errors.js';
import type { NetlinkMessage, NetlinkResult, ReceivedMessage } from '../netlink/message.js';
import { netfilterAttributes } from '../netlink/netfilter.js';
import { NetlinkSocket, throwFirstRefusal } from '../netlink/socket.js';
import type { NetworkNamespace } from '../netns.js';
import {
  IPSET_ATTR_ADT, IPSET_ATTR_CADT_FLAGS, IPSET_ATTR_DATA, IPSET_ATTR_MAXELEM, IPSET_ATTR_NETMASK, IPSET_ATTR_PORT, IPSET_ATTR_PORT_TO, IPSET_ATTR_SETNAME,
  IPSET_ATTR_TIMEOUT, IPSET_ATTR_TYPENAME, IPSET_ERROR_TEXTS, IPSET_FLAG_WITH_SKBINFO,
} from './constants.js';
import { decodeEntries } from './entry-codec.js';
import { listSet, listSetNames, MOST_MEMBERS } from './requests.js';
import type { IpSetEntry, ObservedIpSet } from './types.js';

export class IpSets {
  private constructor(private readonly socket: NetlinkSocket) {}

  /**
   * In a namespace (this thread's own when left out). The first request asks the kernel to load ip_set.
   * An open handle keeps the namespace alive.
   * @throws SystemError
   */
  static open(namespace?: NetworkNamespace): IpSets {
    return new IpSets(NetlinkSocket.open(NETLINK_NETFILTER, namespace));
  }

  /** Idempotent. */
  close(): void {
    this.socket.close();
  }

  /** One result each, in order; a refused one does not stop the rest. */
  request(messages: readonly NetlinkMessage[]): NetlinkResult[] {
    return this.socket.request(messages).map((result) => (result.ok ? result : { ok: false, error: explained(result.error) }));
  }

  /** As `request`, but throws the first refusal after all were tried. */
  execute(messages: readonly NetlinkMessage[]): void {
    throwFirstRefusal(this.request(messages));
  }

  /** Of all sets, whoever made them. @throws NetlinkError EINVAL where the kernel has no sets */
  names(): string[] {
    return this.socket.dump(listSetNames()).map((reply) => nameIn(netfilterAttributes(reply.payload)));
  }

  /** One set with all that it holds; undefined when there is none. */
  find(name: string): ObservedIpSet | undefined {
    try {
      return decodeSet(this.socket.dump(listSet(name)));
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** A large set comes in several messages; the first has its options. */
export function decodeSet(replies: readonly Pick<ReceivedMessage, 'payload'>[]): ObservedIpSet | undefined {
  const [first, ...more] = replies.map(({ payload }) => netfilterAttributes(payload));
  if (first === undefined) return undefined;
  const [type, options] = [first.string(IPSET_ATTR_TYPENAME), first.nested(IPSET_ATTR_DATA)];
  if (type === undefined || options === undefined) throw new NetlinkDecodeError('set without a type or options');
  const entries: IpSetEntry[] = [];
  for (const part of [first, ...more]) {
    for (const entry of decodeEntries(part.bytes(IPSET_ATTR_ADT) ?? new Uint8Array())) entries.push(entry);
  }
  const flags = options.u32be(IPSET_ATTR_CADT_FLAGS) ?? 0;
  return {
    name: nameIn(first),
    type,
    withMarks: (flags & IPSET_FLAG_WITH_SKBINFO) !== 0,
    isPlain: (flags & ~IPSET_FLAG_WITH_SKBINFO) === 0 && !options.has(IPSET_ATTR_TIMEOUT) && !options.has(IPSET_ATTR_NETMASK) && hasWholeSize(options, type),
    entries,
  };
}

function hasWholeSize(options: AttributeMap, type: string): boolean {
  if (type === 'bitmap:port') return options.u16be(IPSET_ATTR_PORT) === 0 && options.u16be(IPSET_ATTR_PORT_TO) === 0xffff;
  return options.u32be(IPSET_ATTR_MAXELEM) === MOST_MEMBERS;
}

function nameIn(attributes: AttributeMap): string {
  const name = attributes.string(IPSET_ATTR_SETNAME);
  if (name === undefined) throw new NetlinkDecodeError('set without a name');
  return name;
}

/** ipset's refusals have numbers of their own, beyond those of errno. */
function explained<E extends Error>(error: E): E | NetlinkError {
  if (!(error instanceof NetlinkError)) return error;
  const text = IPSET_ERROR_TEXTS[error.errno];
  return text === undefined ? error : new NetlinkError(error.request, { errno: error.errno, kernelText: text });
}
