/** rtnetlink in one namespace: dumps as typed objects, changes in batches. */

import { isLittleEndian } from '../constants.js';
import type { AddressFamily } from '../inet.js';
import { AttributeMap, encodeAttributes, u32, view } from '../netlink/attributes.js';
import { NETLINK_ROUTE } from '../netlink/constants.js';
import { NetlinkError } from '../netlink/errors.js';
import type { NetlinkMessage, NetlinkResult } from '../netlink/message.js';
import { NetlinkSocket } from '../netlink/socket.js';
import type { NetworkNamespace } from '../netns.js';
import { decodeAddress, dumpAddresses } from './addresses.js';
import {
  NETNSA_FD, NETNSA_NSID, RTM_GETNSID, RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWNSID, RTM_NEWROUTE, RTM_NEWRULE,
} from './constants.js';
import { decodeForwardingEntry, dumpForwardingEntries } from './forwarding.js';
import { RTGENMSG_LENGTH } from './headers.js';
import { decodeLink, dumpLinks, getLink } from './links.js';
import { decodeNeighbour, dumpNeighbours } from './neighbours.js';
import { decodeRoute, dumpRoutes, routeFamily } from './routes.js';
import { decodeRule, dumpRules } from './rules.js';
import type { Address, ForwardingEntry, Link, LinkReference, Neighbour, Route, Rule } from './types.js';

const FAMILIES: readonly AddressFamily[] = ['inet', 'inet6'];
/** NETNSA_NSID of a namespace that has no number yet: NETNSA_NSID_NOT_ASSIGNED. */
const NO_NAMESPACE_ID = -1;

export class RouteNetlink {
  private constructor(private readonly socket: NetlinkSocket) {}

  /** A socket made inside the namespace (this thread's own when left out); the namespace's handle may be closed afterwards, but the socket keeps the namespace alive. */
  static open(namespace?: NetworkNamespace): RouteNetlink {
    return new RouteNetlink(NetlinkSocket.open(NETLINK_ROUTE, namespace));
  }

  /** Idempotent. */
  close(): void {
    this.socket.close();
  }

  /** Sends all messages in as few sends as possible; one result each, in order; a refused one does not stop the rest. */
  request(messages: readonly NetlinkMessage[]): NetlinkResult[] {
    return this.socket.request(messages);
  }

  /** As `request`, but throws the first refusal (NetlinkError) after all were tried. */
  execute(messages: readonly NetlinkMessage[]): void {
    this.socket.execute(messages);
  }

  links(): Link[] {
    return this.read(dumpLinks(), RTM_NEWLINK, decodeLink);
  }

  /** One link, or undefined when there is none of that name or index. */
  link(reference: LinkReference): Link | undefined {
    const reply = this.ask(getLink(reference), RTM_NEWLINK, 'ENODEV');
    return reply === undefined ? undefined : decodeLink(reply);
  }

  /** Both families unless one is named. */
  addresses(family?: AddressFamily): Address[] {
    return this.read(dumpAddresses(family), RTM_NEWADDR, decodeAddress);
  }

  /** All tables unless one is named (none of its routes when it does not exist); both families unless one is named. */
  routes(filter: { readonly family?: AddressFamily | undefined; readonly table?: number | undefined } = {}): Route[] {
    const families = filter.family === undefined ? FAMILIES : [filter.family];
    return families.flatMap((family) => this.routesOf(family, filter.table)
      // A kernel without IPv6 answers its dump with IPv4's.
      .filter((route) => routeFamily(route) === family && (filter.table === undefined || route.table === filter.table)));
  }

  /** Both families unless one is named. */
  rules(family?: AddressFamily): Rule[] {
    const families = family === undefined ? FAMILIES : [family];
    return families.flatMap((each) => this.read(dumpRules(each), RTM_NEWRULE, decodeRule).filter((rule) => rule.family === each));
  }

  /** Both families unless one is named. */
  neighbours(family?: AddressFamily): Neighbour[] {
    return this.read(dumpNeighbours(family), RTM_NEWNEIGH, decodeNeighbour);
  }

  /** Entries of every device, or of one. Other devices than bridges and VXLANs show their own multicast addresses. */
  forwardingEntries(linkIndex?: number): ForwardingEntry[] {
    return this.read(dumpForwardingEntries(linkIndex), RTM_NEWNEIGH, decodeForwardingEntry);
  }

  /** The number that this socket's namespace knows the other one by (as in Link.peerNamespaceId); undefined when it has none. */
  namespaceId(other: NetworkNamespace): number | undefined {
    const payload = encodeAttributes([u32(NETNSA_FD, other.fileDescriptor)], new Uint8Array(RTGENMSG_LENGTH));
    const reply = this.ask({
      type: RTM_GETNSID, flags: 0, payload, description: `get the id of namespace ${other.label}`,
    }, RTM_NEWNSID);
    const id = reply === undefined ? undefined : new AttributeMap(reply, RTGENMSG_LENGTH).bytes(NETNSA_NSID);
    if (id?.length !== 4) return undefined;
    const number = view(id).getInt32(0, isLittleEndian);
    return number === NO_NAMESPACE_ID ? undefined : number;
  }

  private routesOf(family: AddressFamily, table: number | undefined): Route[] {
    try {
      return this.read(dumpRoutes(family, table), RTM_NEWROUTE, decodeRoute);
    } catch (error) {
      if (table !== undefined && error instanceof NetlinkError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  private read<Item>(dump: NetlinkMessage, type: number, decode: (payload: Uint8Array) => Item | undefined): Item[] {
    const items: Item[] = [];
    for (const message of this.socket.dump(dump)) {
      if (message.type !== type) continue;
      const item = decode(message.payload);
      if (item !== undefined) items.push(item);
    }
    return items;
  }

  /** Payload of the one answer of that type; undefined when the kernel says `absentCode`. */
  private ask(message: NetlinkMessage, type: number, absentCode?: string): Uint8Array | undefined {
    const [result] = this.socket.request([message]);
    if (result === undefined) return undefined;
    if (!result.ok) {
      if (result.error instanceof NetlinkError && result.error.code === absentCode) return undefined;
      throw result.error;
    }
    return result.replies.find((reply) => reply.type === type)?.payload;
  }
}
