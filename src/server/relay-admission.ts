/** Who may ask the relay, and how much of it: strangers cost a handshake at most, peers a few connections. */
import type { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { certificateVerdicts } from '../cluster/relay/certificate-verdicts.js';
import { identityOf, type RelayIdentity } from '../cluster/relay/certificates.js';

/** Connections that have not yet shown a certificate. */
const mostHandshakes = 64;
export const mostHandshakesOfAddress = 8;
/** A follower has a stream of the state, one of its news, and a list beside them for a moment; twice while it starts again. */
export const mostOfNode = 6;
const mostInAll = 2_000;

/** OpenSSL's words (X509_V_ERR_*) for what people ask about. */
const verdicts: Readonly<Record<string, string>> = {
  ...certificateVerdicts,
  UNABLE_TO_GET_ISSUER_CERT: 'no certificate, or one of another cluster',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is of another cluster (self-signed)',
  CERT_SIGNATURE_FAILURE: 'its certificate is of another cluster (a forged signature)',
  INVALID_PURPOSE: 'its certificate is not for clients',
};

export class Admission {
  private readonly handshakes = new Map<string, number>();
  private handshakesInAll = 0;
  /** By node id, the oldest first. */
  private readonly admitted = new Map<string, Set<TLSSocket>>();
  private admittedInAll = 0;

  /** Before the handshake: null, or why the connection is refused. Counts it until it closes or `endHandshake`. */
  beginHandshake(address: string): string | null {
    const ofAddress = this.handshakes.get(address) ?? 0;
    if (ofAddress >= mostHandshakesOfAddress || this.handshakesInAll >= mostHandshakes) return 'too many connections without a certificate at once';
    this.handshakes.set(address, ofAddress + 1);
    this.handshakesInAll += 1;
    return null;
  }

  endHandshake(address: string): void {
    decrement(this.handshakes, address);
    this.handshakesInAll -= 1;
  }

  /**
   * After the handshake: why the peer is refused, or which of its node's older connections has to go for it, if any.
   * The newest wins: a node whose cable was pulled comes back long before TCP gives its old streams up.
   */
  admit(socket: TLSSocket, clusterId: string): { readonly refused: string } | { readonly outlived: TLSSocket | null } {
    const identity = peerOf(socket, clusterId);
    if (typeof identity === 'string') return { refused: identity };
    if (this.admittedInAll >= mostInAll) return { refused: 'too many connections in all' };
    const ofNode = this.admitted.get(identity.nodeId) ?? new Set();
    this.admitted.set(identity.nodeId, ofNode.add(socket));
    this.admittedInAll += 1;
    socket.once('close', () => {
      this.admittedInAll -= 1;
      ofNode.delete(socket);
      if (ofNode.size === 0 && this.admitted.get(identity.nodeId) === ofNode) this.admitted.delete(identity.nodeId);
    });
    const [oldest] = ofNode;
    return { outlived: ofNode.size > mostOfNode && oldest !== undefined ? oldest : null };
  }
}

/** The peer's identity, or why it is none of this cluster. The chain and its dates were verified in the handshake. */
export function peerOf(socket: TLSSocket, clusterId: string): RelayIdentity | string {
  const certificate = socket.getPeerCertificate();
  // Without a certificate Node gives an empty object, whatever its types say.
  const subject = certificate.subject as unknown;
  if (subject === undefined) return 'no certificate';
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    return verdicts[code] ?? `its certificate is not valid (${code})`;
  }
  const identity = identityOf(subject);
  if (typeof identity === 'string') return `its certificate is not one of a Swarm's node: ${identity}`;
  if (identity.clusterId !== clusterId) return 'its certificate is of another cluster (its O is another id)';
  return identity;
}

/** As it is counted and told: an IPv4 client of a dual-stack socket is an IPv4 client. */
export function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
}

function decrement(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left <= 0) counts.delete(key);
  else counts.set(key, left);
}
