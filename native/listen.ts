/** Placeholder sockets: hold a port so that no other program takes it, as dockerd does for a published one. */

import { AF_INET, IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP, isLittleEndian, SO_REUSEADDR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET } from './constants.js';
import * as libc from './libc.js';
import { enter, type NetworkNamespace } from './netns.js';

export type TransportProtocol = 'tcp' | 'udp' | 'sctp';

/** A bound (for tcp and sctp: listening) socket that nobody ever reads. Close it to free the port. */
export interface PortHolder {
  readonly protocol: TransportProtocol;
  readonly port: number;
  /** Idempotent. */
  close(): void;
}

const SOCKET_TYPES: Readonly<Record<TransportProtocol, readonly [type: number, protocol: number]>> = {
  tcp: [SOCK_STREAM, IPPROTO_TCP],
  udp: [SOCK_DGRAM, IPPROTO_UDP],
  sctp: [SOCK_STREAM, IPPROTO_SCTP],
};

/** sizeof(struct sockaddr_in) (linux/in.h). */
const SOCKADDR_IN_LENGTH = 16;
/** Nobody should ever connect here; who does waits in a queue of this length. */
const BACKLOG = 1;

/**
 * Holds 0.0.0.0:port (IPv4): bound, and for tcp and sctp listening (an sctp endpoint that is only bound is in no table).
 * @throws SystemError EADDRINUSE when another program has it, EPROTONOSUPPORT when the kernel has no SCTP
 */
export function holdPort(protocol: TransportProtocol, port: number, namespace?: NetworkNamespace): PortHolder {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new RangeError(`Expected a port from 1 to 65535, got ${port}`);
  const label = `${protocol} port ${port}${namespace === undefined ? '' : ` in ${namespace.label}`}`;
  const [type, number] = SOCKET_TYPES[protocol];
  const create = (): number => libc.socket(AF_INET, type, number, label);
  const fd = namespace === undefined ? create() : enter(namespace, create);
  try {
    // Connections of a program that has ended (TIME_WAIT) keep nobody from listening; one that listens still does.
    if (protocol === 'tcp') libc.setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, label);
    libc.bind(fd, anyAddress(port), label);
    if (protocol !== 'udp') libc.listen(fd, BACKLOG, label);
  } catch (error) {
    libc.close(fd, label);
    throw error;
  }
  let isOpen = true;
  return {
    protocol,
    port,
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      libc.close(fd, label);
    },
  };
}

/** struct sockaddr_in: INADDR_ANY and a port in network order. */
function anyAddress(port: number): Uint8Array {
  const address = new Uint8Array(SOCKADDR_IN_LENGTH);
  const fields = new DataView(address.buffer);
  fields.setUint16(0, AF_INET, isLittleEndian);
  fields.setUint16(2, port);
  return address;
}
