/** TCP connections that end in a namespace, and what waits in them: /proc/net/tcp and tcp6 (get_tcp4_sock() in net/ipv4/tcp_ipv4.c). */

import { readFileSync } from 'node:fs';

import type { IpAddress } from './inet.js';
import { decodeHexAddress } from './listeners.js';
import { enter, type NetworkNamespace } from './netns.js';

/** By number (include/net/tcp_states.h). */
const STATES = ['', 'ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT1', 'FIN_WAIT2', 'TIME_WAIT', 'CLOSE', 'CLOSE_WAIT', 'LAST_ACK', 'LISTEN', 'CLOSING', 'NEW_SYN_RECV'] as const;

export interface TcpSocket {
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  readonly state: (typeof STATES)[number];
  /** Bytes that the other side has not acknowledged. */
  readonly sendQueue: number;
  /** Bytes that the program has not read; a FIN counts as one. Of a listening socket: connections that wait to be accepted. */
  readonly receiveQueue: number;
  /** 0: no program has it, not yet (the kernel took the connection) or not any more. */
  readonly inode: number;
}

/** All of a namespace, IPv4 and IPv6; IPv4 in an IPv6 socket is shown as IPv4. */
export function readTcpSockets(namespace: NetworkNamespace): TcpSocket[] {
  return enter(namespace, () => ['tcp', 'tcp6'].map(readTable)).flatMap(parseTcpSockets);
}

/** A table that this kernel does not have is empty. */
function readTable(name: string): string {
  try {
    return readFileSync(`/proc/thread-self/net/${name}`, 'latin1');
  } catch {
    return '';
  }
}

/** Rows "0: 0500000A:0050 6438A8C0:C350 01 00000000:00000057 …"; what is no row is left out. */
export function parseTcpSockets(text: string): TcpSocket[] {
  return text.split('\n').flatMap((line): TcpSocket[] => {
    const fields = line.trim().split(/\s+/);
    const [local, remote] = [parseEnd(fields[1]), parseEnd(fields[2])];
    const state = STATES[Number.parseInt(fields[3] ?? '', 16)];
    const [, sendQueue, receiveQueue] = /^([0-9A-F]{8}):([0-9A-F]{8})$/.exec(fields[4] ?? '') ?? [];
    const inode = Number(fields[9]);
    if (local === null || remote === null || state === undefined || state === '' || sendQueue === undefined || receiveQueue === undefined || !Number.isSafeInteger(inode)) return [];
    return [{
      local: local.address, localPort: local.port, remote: remote.address, remotePort: remote.port,
      state, sendQueue: Number.parseInt(sendQueue, 16), receiveQueue: Number.parseInt(receiveQueue, 16), inode,
    }];
  });
}

function parseEnd(word = ''): { readonly address: IpAddress; readonly port: number } | null {
  const [, address, port] = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(word) ?? [];
  if (address === undefined || port === undefined) return null;
  return { address: decodeHexAddress(address).replace(/^::ffff:/, ''), port: Number.parseInt(port, 16) };
}
