/** "Something changed" hints from the kernel's multicast groups. They say look again, never what to believe. */

import type { NetworkNamespace } from '../netns.js';
import {
  RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE,
  RTNLGRP_LINK, RTNLGRP_NEIGH,
} from '../rtnetlink/constants.js';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NFNLGRP_NFTABLES } from './constants.js';
import { nftablesEvents, routeEvents, type KernelEvent, type MonitorTopic } from './events.js';
import { MulticastSocket } from './multicast.js';

/** What happened since the last call. */
export interface ChangeHint {
  readonly topics: ReadonlySet<MonitorTopic>;
  /** Names of the links that it was about, where they were asked for. */
  readonly devices: ReadonlySet<string>;
  /** The kernel had more to tell than the socket could hold (ENOBUFS): take everything as changed. */
  readonly overflowed: boolean;
}

export interface MonitorOptions {
  readonly namespace?: NetworkNamespace | undefined;
  readonly topics: readonly MonitorTopic[];
  /** Of routes, links and addresses, also what changes in namespaces that this one has cables into. */
  readonly allNamespaces?: boolean | undefined;
  /** Whether an event is worth a call; all are when left out. Called for each, in their order. */
  readonly concerns?: ((event: KernelEvent) => boolean) | undefined;
  /** Whether to say which links it was about. */
  readonly devices?: boolean | undefined;
  /** Called once for each burst of changes; one's own changes count too. */
  readonly onChange: (hint: ChangeHint) => void;
  /** The socket broke and the monitor has closed itself. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** Milliseconds from a burst's first change to the call. Default 20. */
  readonly settleMs?: number | undefined;
}

/** Multicast groups of each topic (linux/rtnetlink.h). Neighbour events tell of FDB entries too. */
const ROUTE_GROUPS: Readonly<Record<Exclude<MonitorTopic, 'nftables'>, readonly number[]>> = {
  link: [RTNLGRP_LINK],
  address: [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR],
  route: [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE],
  rule: [RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE],
  neighbour: [RTNLGRP_NEIGH],
};

const DEFAULT_SETTLE_MS = 20;

export class KernelMonitor {
  private readonly sockets: MulticastSocket[] = [];
  private topics = new Set<MonitorTopic>();
  private devices = new Set<string>();
  private overflowed = false;
  private timer: NodeJS.Timeout | undefined;
  private isReferenced = true;

  private constructor(private readonly options: MonitorOptions) {}

  /**
   * Subscribes inside the namespace; the namespace's handle may be closed afterwards, but an open monitor keeps the namespace alive.
   * @throws SystemError
   */
  static open(options: MonitorOptions): KernelMonitor {
    const monitor = new KernelMonitor(options);
    const routeGroups = options.topics.flatMap((topic) => (topic === 'nftables' ? [] : ROUTE_GROUPS[topic]));
    try {
      if (routeGroups.length > 0) monitor.subscribe(NETLINK_ROUTE, routeGroups, routeEvents);
      if (options.topics.includes('nftables')) monitor.subscribe(NETLINK_NETFILTER, [NFNLGRP_NFTABLES], nftablesEvents);
    } catch (error) {
      monitor.close();
      throw error;
    }
    return monitor;
  }

  /** Lets the process exit although the monitor is open. */
  unref(): void {
    this.isReferenced = false;
    for (const socket of this.sockets) socket.unref();
    this.timer?.unref();
  }

  ref(): void {
    this.isReferenced = true;
    for (const socket of this.sockets) socket.ref();
    this.timer?.ref();
  }

  /** Stops, for good; `onChange` is not called any more. Idempotent. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const socket of this.sockets.splice(0)) socket.close();
  }

  private subscribe(protocol: number, groups: readonly number[], decode: (datagram: Uint8Array, topicsOnly: boolean) => KernelEvent[]): void {
    const socket = MulticastSocket.open({
      namespace: this.options.namespace,
      protocol,
      groups,
      allNamespaces: this.options.allNamespaces,
      onDatagram: (datagram) => {
        this.note(datagram, decode);
        this.schedule();
      },
      onOverflow: () => {
        this.overflowed = true;
        this.schedule();
      },
      onError: (error) => { this.fail(error); },
    });
    this.sockets.push(socket);
  }

  /** One that is cut still says that something changed. */
  private note(datagram: Uint8Array, decode: (datagram: Uint8Array, topicsOnly: boolean) => KernelEvent[]): void {
    const { concerns, devices } = this.options;
    try {
      for (const event of decode(datagram, concerns === undefined && devices !== true)) {
        if (concerns?.(event) === false) continue;
        this.topics.add(event.topic);
        if (devices === true && event.link !== undefined) this.devices.add(event.link.name);
      }
    } catch {
      this.overflowed = true;
    }
  }

  private schedule(): void {
    if (this.topics.size === 0 && !this.overflowed) return;
    this.timer ??= setTimeout(() => { this.report(); }, this.options.settleMs ?? DEFAULT_SETTLE_MS);
    if (!this.isReferenced) this.timer.unref();
  }

  private report(): void {
    const hint: ChangeHint = { topics: this.topics, devices: this.devices, overflowed: this.overflowed };
    this.timer = undefined;
    this.topics = new Set();
    this.devices = new Set();
    this.overflowed = false;
    this.options.onChange(hint);
  }

  private fail(error: Error): void {
    if (this.sockets.length === 0) return;
    this.close();
    this.options.onError?.(error);
  }
}
