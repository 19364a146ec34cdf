/** The packet that is followed: the first of a connection, or of what answers it. */
import type { Ipv4Address, Protocol } from '../cluster/state.js';

export interface Endpoints {
  readonly source: Ipv4Address;
  readonly sourcePort: number;
  readonly destination: Ipv4Address;
  readonly destinationPort: number;
}

/** What connection tracking knows of it; each network namespace tracks for itself. */
export interface Connection {
  readonly state: 'NEW' | 'ESTABLISHED' | 'UNTRACKED';
  readonly direction: 'ORIGINAL' | 'REPLY';
  /** As the connection's first packet came in. */
  readonly original: Endpoints;
  readonly destinationTranslated: boolean;
  readonly sourceTranslated: boolean;
  readonly mark: number;
}

export interface Packet extends Endpoints {
  readonly protocol: Protocol;
  /** Null: it is made here. Undefined: nobody can tell. */
  readonly inputDevice: string | null | undefined;
  /** Null: it is not routed yet, or stays here. Undefined: nobody can tell. */
  readonly outputDevice: string | null | undefined;
  readonly mark: number;
  readonly connection: Connection;
}

/** The client's end: a number from the middle of those that Linux takes by itself (net.ipv4.ip_local_port_range). */
export const clientPort = 50_000;

/** A packet as it comes to a namespace that has not seen it before: connection tracking begins anew, and marks stay behind (skb_scrub_packet()). */
export function arriving(protocol: Protocol, endpoints: Endpoints, inputDevice: Packet['inputDevice']): Packet {
  const { source, sourcePort, destination, destinationPort } = endpoints;
  const original = { source, sourcePort, destination, destinationPort };
  return {
    protocol, ...original, inputDevice, outputDevice: null, mark: 0,
    connection: { state: 'NEW', direction: 'ORIGINAL', original, destinationTranslated: false, sourceTranslated: false, mark: 0 },
  };
}

/** The answer to it, on its way back in the same namespace: as its sender addressed it. */
export function answering(request: Packet, endpoints: Endpoints, inputDevice: Packet['inputDevice'], outputDevice: Packet['outputDevice']): Packet {
  return { ...request, ...endpoints, inputDevice, outputDevice, mark: 0, connection: { ...request.connection, state: request.connection.state === 'UNTRACKED' ? 'UNTRACKED' : 'ESTABLISHED', direction: 'REPLY' } };
}
