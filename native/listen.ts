/** Placeholder sockets: hold a port so that no other program takes it, as dockerd does for a published one. */

import type { NetworkNamespace } from './netns.js';

export type TransportProtocol = 'tcp' | 'udp' | 'sctp';

/** A bound (and, for tcp and sctp, listening) socket that nobody ever reads. Close it to free the port. */
export interface PortHolder {
  readonly protocol: TransportProtocol;
  readonly port: number;
  close(): void;
}

/** Binds 0.0.0.0:port (IPv4). Throws SystemError, code EADDRINUSE when another program has it, EPROTONOSUPPORT when the kernel has no SCTP. */
export function holdPort(_protocol: TransportProtocol, _port: number, _namespace?: NetworkNamespace): PortHolder {
  throw new Error('not built yet');
}
