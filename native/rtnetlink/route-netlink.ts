/** rtnetlink in one namespace: dumps as typed objects, changes in batches. */

import type { AddressFamily } from '../inet.js';
import type { NetlinkMessage, NetlinkResult } from '../netlink/message.js';
import type { NetworkNamespace } from '../netns.js';
import type { Address, ForwardingEntry, Link, LinkReference, Neighbour, Route, Rule } from './types.js';

const todo = (): never => {
  throw new Error('not built yet');
};

export class RouteNetlink {
  private constructor() {
    todo();
  }
  /** A socket made inside the namespace (this thread's own when left out); the namespace's handle may be closed afterwards. */
  static open(_namespace?: NetworkNamespace): RouteNetlink {
    return todo();
  }
  close(): void {
    todo();
  }
  /** Sends all messages in as few sends as possible; one result each, in order; a refused one does not stop the rest. */
  request(_messages: readonly NetlinkMessage[]): NetlinkResult[] {
    return todo();
  }
  /** As `request`, but throws the first refusal (NetlinkError) after all were tried. */
  execute(_messages: readonly NetlinkMessage[]): void {
    todo();
  }
  links(): Link[] {
    return todo();
  }
  /** One link, or undefined when there is none of that name or index. */
  link(_reference: LinkReference): Link | undefined {
    return todo();
  }
  addresses(_family?: AddressFamily): Address[] {
    return todo();
  }
  /** All tables unless one is named; cached/cloned routes left out. Without a family: both. */
  routes(_filter?: { readonly family?: AddressFamily; readonly table?: number }): Route[] {
    return todo();
  }
  rules(_family?: AddressFamily): Rule[] {
    return todo();
  }
  neighbours(_family?: AddressFamily): Neighbour[] {
    return todo();
  }
  /** Entries of every bridge and VXLAN device, or of one device. */
  forwardingEntries(_linkIndex?: number): ForwardingEntry[] {
    return todo();
  }
  /** The number that this socket's namespace knows the other one by (as in Link.peerNamespaceId); undefined when it has none. */
  namespaceId(_other: NetworkNamespace): number | undefined {
    return todo();
  }
}
