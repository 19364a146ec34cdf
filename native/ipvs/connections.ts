/** Connections that IPVS keeps: /proc/net/ip_vs_conn (ip_vs_conn_seq_show() in net/netfilter/ipvs/ip_vs_conn.c). Generic netlink does not tell them. */

import { readFileSync } from 'node:fs';

import type { IpAddress } from '../inet.js';
import { formatAddress } from '../inet.js';
import { enter, type NetworkNamespace } from '../netns.js';

export interface IpvsConnection {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly client: IpAddress;
  readonly clientPort: number;
  /** What the client asked for, as IPVS got it. */
  readonly virtual: IpAddress;
  readonly virtualPort: number;
  /** Who got the connection. */
  readonly server: IpAddress;
  readonly serverPort: number;
  /** The kernel's word: `ESTABLISHED`, `FIN_WAIT`, `UDP`. */
  readonly state: string;
  /** Seconds until it is forgotten, unless a packet comes. */
  readonly expiresSeconds: number;
}

/** Reads the whole table of a namespace: with 100,000 connections that is 10 MB. Empty where IPVS is not loaded. */
export function readIpvsConnections(namespace: NetworkNamespace): IpvsConnection[] {
  const text = enter(namespace, () => {
    try {
      return readFileSync('/proc/thread-self/net/ip_vs_conn', 'latin1');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw error;
    }
  });
  return parseIpvsConnections(text);
}

/** "TCP C0A83864 D431 AC1E0002 1F90 0A000005 0050 ESTABLISHED 899": big-endian hexadecimal, seconds in decimal. Lines of another kind, the title among them, are left out. */
export function parseIpvsConnections(text: string): IpvsConnection[] {
  return text.split('\n').flatMap((line): IpvsConnection[] => {
    const [protocol = '', client = '', clientPort = '', virtual = '', virtualPort = '', server = '', serverPort = '', state = '', expires = ''] = line.trim().split(/\s+/);
    if (!isProtocol(protocol) || ![client, virtual, server].every(isAddress) || ![clientPort, virtualPort, serverPort].every(isPort) || !/^\d+$/.test(expires)) return [];
    return [{
      protocol: names[protocol],
      client: addressOf(client), clientPort: portOf(clientPort),
      virtual: addressOf(virtual), virtualPort: portOf(virtualPort),
      server: addressOf(server), serverPort: portOf(serverPort),
      state, expiresSeconds: Number(expires),
    }];
  });
}

const names = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

function isProtocol(word: string): word is keyof typeof names {
  return Object.hasOwn(names, word);
}

function isAddress(word: string): boolean {
  return /^[0-9A-F]{8}$/.test(word);
}

function isPort(word: string): boolean {
  return /^[0-9A-F]{4}$/.test(word);
}

function addressOf(hex: string): IpAddress {
  return formatAddress(Buffer.from(hex, 'hex'));
}

function portOf(hex: string): number {
  return Number.parseInt(hex, 16);
}
