/** Who listens on this machine's ports: /proc/net/{tcp,udp}{,6} and sctp/eps, joined with /proc/PID/fd. */

import type { IpAddress } from './inet.js';
import type { TransportProtocol } from './listen.js';
import type { NetworkNamespace } from './netns.js';

/** One listening socket. */
export interface Listener {
  readonly protocol: TransportProtocol;
  readonly address: IpAddress;
  readonly port: number;
  readonly inode: number;
}

/** A process that has a socket open. `command` is /proc/PID/comm: "dockerd". */
export interface SocketOwner {
  readonly processId: number;
  readonly command: string;
}

/** Every listening tcp, bound udp and sctp socket of a namespace, IPv4 and IPv6. */
export function listListeners(_namespace?: NetworkNamespace): Listener[] {
  throw new Error('not built yet');
}

/** The processes that have the sockets with these inodes open (needs root to see other users'). Sockets of other PID namespaces' processes have none. */
export function findSocketOwners(_inodes: Iterable<number>): Map<number, SocketOwner[]> {
  throw new Error('not built yet');
}
