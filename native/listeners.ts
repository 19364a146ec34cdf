/** Who listens on this machine's ports: /proc/net/{tcp,udp}{,6} and sctp/eps, joined with /proc/PID/fd. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { isLittleEndian } from './constants.js';
import { formatAddress, type IpAddress } from './inet.js';
import type { TransportProtocol } from './listen.js';
import { enter, type NetworkNamespace } from './netns.js';

/** One listening socket (tcp, sctp) or one bound without a peer (udp). */
export interface Listener {
  readonly protocol: TransportProtocol;
  /** "0.0.0.0" and "::" are any address; for sctp the first of several. */
  readonly address: IpAddress;
  readonly port: number;
  /** Finds its processes, see findSocketOwners. 0 when the kernel does not say. */
  readonly inode: number;
}

/** A process that has a socket open. `command` is /proc/PID/comm: "dockerd", "docker-proxy". */
export interface SocketOwner {
  readonly processId: number;
  readonly command: string;
  /** One of the descriptors that it has for it: `/proc/123/fd/45`, see isSocketAt. */
  readonly file: string;
}

/** st column of /proc/net/tcp and udp (include/net/tcp_states.h): TCP_LISTEN, and TCP_CLOSE, which an unconnected udp socket shows. */
const TCP_LISTEN = '0A';
const UDP_UNCONNECTED = '07';

/** Every listening tcp, bound udp and sctp socket of a namespace, IPv4 and IPv6. */
export function listListeners(namespace?: NetworkNamespace): Listener[] {
  const read = (): string[] => ['tcp', 'tcp6', 'udp', 'udp6', 'sctp/eps'].map(readTable);
  const [tcp = '', tcp6 = '', udp = '', udp6 = '', sctp = ''] = namespace === undefined ? read() : enter(namespace, read);
  return [
    ...parseSocketTable(tcp, 'tcp', TCP_LISTEN), ...parseSocketTable(tcp6, 'tcp', TCP_LISTEN),
    ...parseSocketTable(udp, 'udp', UDP_UNCONNECTED), ...parseSocketTable(udp6, 'udp', UDP_UNCONNECTED),
    ...parseSctpEndpoints(sctp),
  ];
}

/** A table that this kernel does not have (no IPv6, no SCTP) is empty. */
function readTable(name: string): string {
  try {
    return readFileSync(`/proc/thread-self/net/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** Rows of /proc/net/tcp and its kin (net/ipv4/tcp_ipv4.c): "0: 00000000:1F90 00000000:0000 0A … inode". Rows of another state, and what is no row, are left out. */
export function parseSocketTable(text: string, protocol: TransportProtocol, state: string): Listener[] {
  return text.split('\n').flatMap((line): Listener[] => {
    const fields = line.trim().split(/\s+/);
    const match = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/.exec(fields[1] ?? '');
    if (match === null || fields[3] !== state) return [];
    const [, address = '', port = ''] = match;
    return [{ protocol, address: decodeHexAddress(address), port: Number.parseInt(port, 16), inode: Number(fields[9] ?? 0) }];
  });
}

/** Words of 32 bits, each printed as this machine's integer. */
export function decodeHexAddress(hex: string): IpAddress {
  const bytes = Buffer.from(hex, 'hex');
  return formatAddress(isLittleEndian ? bytes.swap32() : bytes);
}

/** Rows of /proc/net/sctp/eps (net/sctp/proc.c): "ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS". */
export function parseSctpEndpoints(text: string): Listener[] {
  return text.split('\n').flatMap((line): Listener[] => {
    const fields = line.trim().split(/\s+/);
    const [port, inode, address] = [Number(fields[5]), Number(fields[7]), fields[8]];
    if (!Number.isInteger(port) || !Number.isInteger(inode) || address === undefined) return [];
    return [{ protocol: 'sctp', address, port, inode }];
  });
}

/**
 * The processes that have the sockets with these inodes open: inode → processes. Needs root to see other users'.
 * Walks all of /proc once, a process that goes away meanwhile is left out.
 */
export function findSocketOwners(inodes: Iterable<number>): Map<number, SocketOwner[]> {
  const wanted = new Set([...inodes].map(linkOf));
  const owners = new Map<number, SocketOwner[]>();
  if (wanted.size === 0) return owners;
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const [inode, file] of socketsOf(entry, wanted)) {
      const list = owners.get(inode) ?? [];
      list.push({ processId: Number(entry), command: commandOf(entry), file });
      owners.set(inode, list);
    }
  }
  return owners;
}

/** Whether the socket with this inode is still open there, at a `file` of a `SocketOwner`. */
export function isSocketAt(file: string, inode: number): boolean {
  return orNothing(() => readlinkSync(file)) === linkOf(inode);
}

/** What a descriptor's link says of a socket (proc(5)). */
function linkOf(inode: number): string {
  return `socket:[${inode}]`;
}

/** The wanted sockets that a process has open, and where; each once. */
function socketsOf(processId: string, wanted: ReadonlySet<string>): Map<number, string> {
  const found = new Map<number, string>();
  const folder = `/proc/${processId}/fd`;
  for (const fd of orNothing(() => readdirSync(folder)) ?? []) {
    const file = `${folder}/${fd}`;
    const target = orNothing(() => readlinkSync(file));
    if (target !== undefined && wanted.has(target)) found.set(Number(target.slice('socket:['.length, -1)), file);
  }
  return found;
}

function commandOf(processId: string): string {
  return orNothing(() => readFileSync(`/proc/${processId}/comm`, 'utf8'))?.trimEnd() ?? '';
}

/** The result, or undefined when the process has gone or may not be looked at. */
function orNothing<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
