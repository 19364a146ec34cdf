/** "Something changed" hints from the kernel's multicast groups. They say look again, never what to believe. */

import { AF_NETLINK, isLittleEndian, SOCK_RAW, SOL_NETLINK } from '../constants.js';
import { SystemError } from '../errors.js';
import * as libc from '../libc.js';
import { enter, type NetworkNamespace } from '../netns.js';
import {
  RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE,
  RTNLGRP_LINK, RTNLGRP_NEIGH,
} from '../rtnetlink/constants.js';
import { view } from './attributes.js';
import { NETLINK_ADD_MEMBERSHIP, NETLINK_NETFILTER, NETLINK_ROUTE } from './constants.js';
import { decodeMessages } from './message.js';

/** What a monitor can listen for. `nftables` sees iptables-nft's changes too; iptables-legacy tells nobody. IPVS has no events at all. */
export type MonitorTopic = 'link' | 'address' | 'route' | 'rule' | 'neighbour' | 'nftables';

/** What happened since the last call. */
export interface ChangeHint {
  readonly topics: ReadonlySet<MonitorTopic>;
  /** The kernel had more to tell than the socket could hold (ENOBUFS): take everything as changed. */
  readonly overflowed: boolean;
}

export interface MonitorOptions {
  readonly namespace?: NetworkNamespace | undefined;
  readonly topics: readonly MonitorTopic[];
  /** Called once for each burst of changes; one's own changes count too. */
  readonly onChange: (hint: ChangeHint) => void;
  /** The socket broke and the monitor has closed itself. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** Milliseconds from a burst's first change to the call. Default 20. */
  readonly settleMs?: number | undefined;
}

/** Multicast groups of each topic (linux/rtnetlink.h; NFNLGRP_NFTABLES in linux/netfilter/nfnetlink.h is 7). Neighbour events tell of FDB entries too. */
const ROUTE_GROUPS: Readonly<Record<Exclude<MonitorTopic, 'nftables'>, readonly number[]>> = {
  link: [RTNLGRP_LINK],
  address: [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR],
  route: [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE],
  rule: [RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE],
  neighbour: [RTNLGRP_NEIGH],
};
const NFNLGRP_NFTABLES = 7;

/** Topic of an rtnetlink message: types come in fours from RTM_BASE (RTM_FAM in linux/rtnetlink.h). */
const TOPIC_OF_TYPE: ReadonlyMap<number, MonitorTopic> = new Map([[0, 'link'], [1, 'address'], [2, 'route'], [3, 'neighbour'], [4, 'rule']]);
const RTM_BASE = 16;

const DEFAULT_SETTLE_MS = 20;
/** Most datagrams read in one turn, so that a storm does not hold up everything else. */
const DATAGRAMS_PER_TURN = 1000;
/** Notifications are small; one that is cut still says that something changed. */
const buffer = new Uint8Array(64 << 10);

interface Subscription {
  readonly fd: number;
  readonly protocol: number;
  readonly label: string;
  watch: libc.ReadableWatch;
}

export class KernelMonitor {
  private readonly subscriptions: Subscription[] = [];
  private topics = new Set<MonitorTopic>();
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
      if (routeGroups.length > 0) monitor.subscribe(NETLINK_ROUTE, routeGroups);
      if (options.topics.includes('nftables')) monitor.subscribe(NETLINK_NETFILTER, [NFNLGRP_NFTABLES]);
    } catch (error) {
      monitor.close();
      throw error;
    }
    return monitor;
  }

  /** Lets the process exit although the monitor is open. */
  unref(): void {
    this.isReferenced = false;
    for (const { watch } of this.subscriptions) watch.unref();
    this.timer?.unref();
  }

  ref(): void {
    this.isReferenced = true;
    for (const { watch } of this.subscriptions) watch.ref();
    this.timer?.ref();
  }

  /** Stops, for good; `onChange` is not called any more. Idempotent. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const { fd, watch } of this.subscriptions.splice(0)) {
      watch.close();
      libc.close(fd, 'monitor socket');
    }
  }

  private subscribe(protocol: number, groups: readonly number[]): void {
    const { namespace } = this.options;
    const label = `monitor socket (netlink protocol ${protocol}${namespace === undefined ? '' : ` in ${namespace.label}`})`;
    const create = (): number => libc.socket(AF_NETLINK, SOCK_RAW, protocol, label);
    const fd = namespace === undefined ? create() : enter(namespace, create);
    try {
      const address = new Uint8Array(12);
      view(address).setUint16(0, AF_NETLINK, isLittleEndian);
      libc.bind(fd, address, label);
      for (const group of groups) libc.setSocketOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, label);
      const subscription: Subscription = {
        fd, protocol, label,
        watch: libc.watchReadable(fd, (status) => { this.wake(subscription, status); }),
      };
      this.subscriptions.push(subscription);
    } catch (error) {
      libc.close(fd, label);
      throw error;
    }
  }

  /**
   * An overflow is an error on the socket, which libuv takes for a broken descriptor: it reports EBADF and stops polling
   * (uv__poll_io() in src/unix/poll.c). Reading fetches the error, and polling is begun anew.
   */
  private wake(subscription: Subscription, status: number): void {
    const outcome = this.read(subscription);
    if (status >= 0 || outcome === 'failed') return;
    if (outcome !== 'overflowed') {
      this.fail(new SystemError('poll', -status, subscription.label));
      return;
    }
    subscription.watch.close();
    subscription.watch = libc.watchReadable(subscription.fd, (next) => { this.wake(subscription, next); });
    if (!this.isReferenced) subscription.watch.unref();
  }

  /** Empties the socket and remembers what it was about. */
  private read({ fd, protocol, label }: Subscription): 'emptied' | 'overflowed' | 'failed' {
    let outcome: 'emptied' | 'overflowed' = 'emptied';
    try {
      for (let count = 0; count < DATAGRAMS_PER_TURN; count++) {
        const length = libc.receive(fd, buffer, label);
        if (length === undefined) break;
        this.note(protocol, buffer.subarray(0, Math.min(length, buffer.length)));
      }
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== 'ENOBUFS') {
        this.fail(error instanceof Error ? error : new Error(String(error)));
        return 'failed';
      }
      outcome = 'overflowed';
      this.overflowed = true;
    }
    this.schedule();
    return outcome;
  }

  private note(protocol: number, datagram: Uint8Array): void {
    if (protocol === NETLINK_NETFILTER) {
      this.topics.add('nftables');
      return;
    }
    try {
      for (const { type } of decodeMessages(datagram)) {
        const topic = TOPIC_OF_TYPE.get((type - RTM_BASE) >> 2);
        if (topic !== undefined) this.topics.add(topic);
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
    const hint: ChangeHint = { topics: this.topics, overflowed: this.overflowed };
    this.timer = undefined;
    this.topics = new Set();
    this.overflowed = false;
    this.options.onChange(hint);
  }

  private fail(error: Error): void {
    if (this.subscriptions.length === 0) return;
    this.close();
    this.options.onError?.(error);
  }
}
