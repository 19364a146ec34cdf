/** Connection tracking of one network namespace: its events as they happen, and single entries. */

import { NETLINK_NETFILTER, NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE } from '../netlink/constants.js';
import { NetlinkDecodeError } from '../netlink/errors.js';
import { decodeMessages } from '../netlink/message.js';
import { MulticastSocket } from '../netlink/multicast.js';
import { NetlinkSocket } from '../netlink/socket.js';
import type { NetworkNamespace } from '../netns.js';
import { decodeConntrackEntry, decodeConntrackEvent, getConntrackEntry } from './codec.js';
import type { ConntrackEntry, ConntrackEvent, ConntrackTuple } from './types.js';

export interface ConntrackOptions {
  /** This thread's own when left out. */
  readonly namespace?: NetworkNamespace | undefined;
  /**
   * In the kernel's order. Since Linux 6.1 an entry that was there before anybody listened has no events
   * (sysctl net.netfilter.nf_conntrack_events is 2, "when somebody listens").
   */
  readonly onEvent: (event: ConntrackEvent) => void;
  /** Events were lost: there were more than the socket could hold. Look the entries up. */
  readonly onOverflow: () => void;
  /** The socket broke; no more events come. */
  readonly onError: (error: Error) => void;
}

export class Conntrack {
  private constructor(
    private readonly events: MulticastSocket,
    private readonly requests: NetlinkSocket,
  ) {}

  /**
   * Listening needs CAP_NET_ADMIN. An open handle keeps the namespace alive.
   * @throws SystemError
   */
  static open({ namespace, onEvent, onOverflow, onError }: ConntrackOptions): Conntrack {
    const requests = NetlinkSocket.open(NETLINK_NETFILTER, namespace);
    try {
      const events = MulticastSocket.open({
        namespace,
        protocol: NETLINK_NETFILTER,
        groups: [NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY],
        largeBuffer: true,
        onDatagram: (datagram) => { for (const event of eventsIn(datagram)) onEvent(event); },
        onOverflow,
        onError,
      });
      return new Conntrack(events, requests);
    } catch (error) {
      requests.close();
      throw error;
    }
  }

  /** The entry that a tuple, of either direction, belongs to, with its counters; undefined when there is none (any more). */
  find(tuple: ConntrackTuple, zone = 0): ConntrackEntry | undefined {
    const [result] = this.requests.request([getConntrackEntry(tuple, zone)]);
    if (result?.ok === false) {
      if ('code' in result.error && result.error.code === 'ENOENT') return undefined;
      throw result.error;
    }
    const [reply] = result?.replies ?? [];
    return reply === undefined ? undefined : decodeConntrackEntry(reply.payload);
  }

  /** Idempotent. */
  close(): void {
    this.events.close();
    this.requests.close();
  }
}

/** An event that can't be read is as good as lost; the others of the datagram are not. */
function eventsIn(datagram: Uint8Array): ConntrackEvent[] {
  return orNothing(() => decodeMessages(datagram)).flatMap((message) => orNothing(() => [decodeConntrackEvent(message)])).filter((event) => event !== undefined);
}

function orNothing<Item>(decode: () => Item[]): Item[] {
  try {
    return decode();
  } catch (error) {
    if (error instanceof NetlinkDecodeError) return [];
    throw error;
  }
}
