/** A netlink socket that only listens: what the kernel tells everybody in its multicast groups. */

import { AF_NETLINK, isLittleEndian, SOCK_RAW, SOL_NETLINK } from '../constants.js';
import { SystemError } from '../errors.js';
import * as libc from '../libc.js';
import { enter, type NetworkNamespace } from '../netns.js';
import { view } from './attributes.js';
import { NETLINK_ADD_MEMBERSHIP, NETLINK_LISTEN_ALL_NSID } from './constants.js';
import { growReceiveBuffer } from './socket.js';

/** Most datagrams read in one turn, so that a storm does not hold up everything else. */
const DATAGRAMS_PER_TURN = 1000;
/** Notifications are small; one that is longer is cut. */
const buffer = new Uint8Array(64 << 10);

export interface MulticastOptions {
  /** This thread's own when left out. */
  readonly namespace?: NetworkNamespace | undefined;
  /** NETLINK_* (linux/netlink.h). */
  readonly protocol: number;
  readonly groups: readonly number[];
  /**
   * Also what is told in the namespaces that have a number in this one (ip-netns(8), nsid), as all have that one end of a
   * veth has gone to from here (do_one_broadcast() in net/netlink/af_netlink.c). Needs CAP_NET_BROADCAST over them.
   */
  readonly allNamespaces?: boolean | undefined;
  /** Room for some ten thousand notifications instead of the system's default (net.core.rmem_default). */
  readonly largeBuffer?: boolean | undefined;
  /** The bytes are the next datagram's once this returns. */
  readonly onDatagram: (datagram: Uint8Array) => void;
  /** The kernel had more to tell than the socket could hold (ENOBUFS): something was missed. */
  readonly onOverflow: () => void;
  /** The socket broke and has closed itself. */
  readonly onError: (error: Error) => void;
}

export class MulticastSocket {
  private isReferenced = true;
  private isClosed = false;
  private watch: libc.ReadableWatch;

  private constructor(
    private readonly fd: number,
    private readonly label: string,
    private readonly options: MulticastOptions,
  ) {
    this.watch = this.listen();
  }

  /**
   * Subscribes inside the namespace; the namespace's handle may be closed afterwards, but an open socket keeps the namespace alive.
   * @throws SystemError
   */
  static open(options: MulticastOptions): MulticastSocket {
    const { namespace, protocol, groups } = options;
    const label = `multicast socket (netlink protocol ${protocol}${namespace === undefined ? '' : ` in ${namespace.label}`})`;
    const create = (): number => libc.socket(AF_NETLINK, SOCK_RAW, protocol, label);
    const fd = namespace === undefined ? create() : enter(namespace, create);
    try {
      const address = new Uint8Array(12);
      view(address).setUint16(0, AF_NETLINK, isLittleEndian);
      libc.bind(fd, address, label);
      if (options.largeBuffer === true) growReceiveBuffer(fd, label);
      if (options.allNamespaces === true) libc.setSocketOption(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1, label);
      for (const group of groups) libc.setSocketOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group, label);
      return new MulticastSocket(fd, label, options);
    } catch (error) {
      libc.close(fd, label);
      throw error;
    }
  }

  /** Lets the process exit although the socket is open. */
  unref(): void {
    this.isReferenced = false;
    this.watch.unref();
  }

  ref(): void {
    this.isReferenced = true;
    this.watch.ref();
  }

  /** Stops, for good. Idempotent. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.watch.close();
    libc.close(this.fd, this.label);
  }

  private listen(): libc.ReadableWatch {
    return libc.watchReadable(this.fd, (status) => { this.wake(status); });
  }

  /**
   * An overflow is an error on the socket, which libuv takes for a broken descriptor: it reports EBADF and stops polling
   * (uv__poll_io() in src/unix/poll.c). Reading fetches the error, and polling is begun anew.
   */
  private wake(status: number): void {
    if (this.isClosed) return;
    const outcome = this.read();
    if (status >= 0 || outcome === 'closed') return;
    if (outcome !== 'overflowed') {
      this.fail(new SystemError('poll', -status, this.label));
      return;
    }
    this.watch.close();
    this.watch = this.listen();
    if (!this.isReferenced) this.watch.unref();
  }

  /** Empties the socket. `closed`: by whoever was told, or because it broke. */
  private read(): 'emptied' | 'overflowed' | 'closed' {
    try {
      for (let count = 0; count < DATAGRAMS_PER_TURN; count++) {
        const length = libc.receive(this.fd, buffer, this.label);
        if (length === undefined) break;
        this.options.onDatagram(buffer.subarray(0, Math.min(length, buffer.length)));
        if (this.hasClosed()) return 'closed';
      }
      return 'emptied';
    } catch (error) {
      if (!(error instanceof SystemError) || error.code !== 'ENOBUFS') {
        this.fail(error instanceof Error ? error : new Error(String(error)));
        return 'closed';
      }
      this.options.onOverflow();
      return this.hasClosed() ? 'closed' : 'overflowed';
    }
  }

  /** Asked anew after each call to the owner, who may have closed it. */
  private hasClosed(): boolean {
    return this.isClosed;
  }

  private fail(error: Error): void {
    if (this.isClosed) return;
    this.close();
    this.options.onError(error);
  }
}
