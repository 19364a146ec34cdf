import type { Protocol } from '../cluster/state.js';

/** IP protocol numbers (linux/in.h). */
export const protocolNumbers: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Names a published port among all: `tcp/8080`. */
export type PortKey = `${Protocol}/${number}`;

export function portKey(protocol: Protocol, port: number): PortKey {
  return `${protocol}/${port}`;
}

/** A published port's firewall mark, the same on every node and after every restart: tcp/8080 is 0x61f90. */
export function fwmarkOf(protocol: Protocol, port: number): number {
  return protocolNumbers[protocol] * 0x10000 + port;
}

/** The inverse of `fwmarkOf`; null for a mark that is none of ours. */
export function portOfFwmark(fwmark: number): { protocol: Protocol; port: number } | null {
  const port = fwmark & 0xffff;
  const number = fwmark >>> 16;
  const protocol = (Object.keys(protocolNumbers) as Protocol[]).find((name) => protocolNumbers[name] === number);
  return protocol === undefined || port === 0 ? null : { protocol, port };
}

/** As iptables-save prints a mark. */
export function hexOf(fwmark: number): string {
  return `0x${fwmark.toString(16)}`;
}
