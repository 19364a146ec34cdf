/**
 * The certificate by which this node proves who it is, and the authority by which it knows others of its cluster.
 *
 * Swarm gives every node one (swarmkit ca/certificates.go, PrepareCSR): CN is the node's id, OU its role, O the
 * cluster's id; signed by the cluster's root, for use as client and server alike. A change of role is a new certificate,
 * and so is a rotation, every three months by default. Certificates of one's own follow the same convention.
 */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { readBounded } from '../read-bounded.js';

// Before toLegacyObject() is called: that loads a half of node:tls which loads the other, and if it comes first, nobody in this
// process can make a TLS connection any more (lib/internal/crypto/x509.js, lib/_tls_common.js; seen with Node.js 20.20).
// Imported as it runs: what is bundled would leave out an import of which nothing is used.
await import('node:tls');

/** The OU of Swarm's certificates (swarmkit ca/config.go). */
export const relayRoles = ['swarm-manager', 'swarm-worker'] as const;
export type RelayRole = (typeof relayRoles)[number];

/** Who a certificate is of. */
export interface RelayIdentity {
  readonly nodeId: string;
  readonly role: RelayRole;
  readonly clusterId: string;
}

export interface Credentials extends RelayIdentity {
  /** PEM: the node's certificate, and the intermediates that a root rotation puts behind it. */
  readonly certificate: string;
  /** PEM, without the headers that Swarm keeps in a manager's. */
  readonly key: string;
  /** PEM, one or more roots. */
  readonly authority: string;
  readonly validTo: Date;
}

/** Of the three files: their paths, or what they hold. */
export interface CertificatePaths {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

/** The files of Swarm (swarmkit ca/config.go), below Docker's root folder. */
export function swarmCertificates(dockerRoot: string): CertificatePaths {
  const folder = join(dockerRoot, 'swarm', 'certificates');
  return { certificate: join(folder, 'swarm-node.crt'), key: join(folder, 'swarm-node.key'), authority: join(folder, 'swarm-root-ca.crt') };
}

/** What is wrong with this node's own certificate, with the remedy. */
export class CertificateError extends Error {
  override readonly name: string = 'CertificateError';
}

/** The key of an autolocked manager: only dockerd, once it is unlocked, can read it. */
export class LockedKeyError extends CertificateError {
  override readonly name = 'LockedKeyError';
}

/** A chain of many certificates is some kilobytes. */
const longestFile = 256 * 1024;

/** What the files hold. Rejects with CertificateError. */
export async function readCertificateFiles(paths: CertificatePaths): Promise<CertificatePaths> {
  // One after the other: where all are missing, the message names the same one each time.
  const certificate = await readPem(paths.certificate);
  const key = await readPem(paths.key);
  const authority = await readPem(paths.authority);
  return { certificate, key, authority };
}

/** `files`: what they hold. The paths are for messages. Throws CertificateError. */
export function parseCredentials(files: CertificatePaths, paths: CertificatePaths): Credentials {
  const leaf = parse(paths.certificate, () => new X509Certificate(files.certificate));
  parse(paths.authority, () => new X509Certificate(files.authority));
  const key = withoutHeaders(files.key, paths.key);
  const privateKey = parse<KeyObject>(paths.key, () => createPrivateKey(key));
  // Swarm writes the key first and the certificate a moment later; who reads in between tries again.
  if (!leaf.checkPrivateKey(privateKey)) throw new CertificateError(`The certificate ${paths.certificate} and the key ${paths.key} do not belong together.`);
  const identity = identityOf(leaf.toLegacyObject().subject);
  if (typeof identity === 'string') throw new CertificateError(`The certificate ${paths.certificate} is not one of a Swarm's node: ${identity}.`);
  return { ...identity, certificate: files.certificate, key, authority: files.authority, validTo: new Date(leaf.validTo) };
}

/** The identity that a certificate's subject names; else what is wrong with it. */
export function identityOf(subject: unknown): RelayIdentity | string {
  const { CN: nodeId, OU: unit, O: clusterId } = (subject ?? {}) as Readonly<Record<string, unknown>>;
  const role = relayRoles.find((known) => known === unit);
  if (role === undefined) return `expected its OU to be ${relayRoles.join(' or ')}`;
  if (!isId(nodeId)) return 'expected its CN to be the id of one node';
  if (!isId(clusterId)) return 'expected its O to be the id of one cluster';
  return { nodeId, role, clusterId };
}

/** Swarm's ids are 25 of a-z0-9. A name that occurs twice in a subject is a list, and no id. */
function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9]{1,64}$/.test(value);
}

/**
 * Swarm keeps words of its own (kek-version, raft-dek, …) in the PEM headers of a manager's key, which OpenSSL does not
 * take. An encrypted key says so in its label (PKCS #8) or in a header (RFC 1421's Proc-Type).
 */
function withoutHeaders(pem: string, path: string): string {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----/m.test(pem) || /^Proc-Type:.*ENCRYPTED/m.test(pem)) {
    throw new LockedKeyError(`The key ${path} is encrypted, as that of an autolocked manager is. Give the relay certificates of its own with relayCertificate, relayKey and relayAuthority (docs/relay.md).`);
  }
  return pem.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.includes(':')).join('\n') + '\n';
}

function parse<Parsed>(path: string, read: () => Parsed): Parsed {
  try {
    return read();
  } catch (error) {
    throw new CertificateError(`${path} can't be used: ${(error as Error).message}`, { cause: error });
  }
}

async function readPem(path: string): Promise<string> {
  try {
    return await readBounded(path, longestFile);
  } catch (error) {
    throw new CertificateError(`${path} can't be read: ${(error as Error).message}. In a container, mount its folder read-only.`, { cause: error });
  }
}
