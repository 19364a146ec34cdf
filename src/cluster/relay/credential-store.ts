/**
 * This node's certificate as it is now: the folder is watched, so that a rotation or a new role is seen at once.
 * A certificate that can't be used leaves the one before in its place: both are valid for a while in every rotation.
 */
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../../log.js';
import { lookOnChange } from '../file/watch.js';
import { parseCredentials, readCertificateFiles, type CertificateError, type CertificatePaths, type Credentials } from './certificates.js';

export interface CredentialStoreOptions {
  readonly paths: CertificatePaths;
  readonly logger: Logger;
  readonly pollMilliseconds?: number;
}

export class CredentialStore {
  private credentials: Credentials | null = null;
  /** What the files held when `credentials` were made of them. */
  private files: CertificatePaths | null = null;
  private failure: Error | null = null;
  /** The failure that the log knows of. */
  private told: string | null = null;
  private readonly listeners = new Set<() => void>();

  constructor(private readonly options: CredentialStoreOptions) {}

  /** Throws CertificateError where there is none that can be used. */
  get current(): Credentials {
    if (this.credentials !== null) return this.credentials;
    throw this.failure ?? new Error('The node’s certificate was not read yet.');
  }

  /** Reads once. Rejects with CertificateError. */
  async read(): Promise<Credentials> {
    try {
      const files = await readCertificateFiles(this.options.paths);
      // The same object while nothing changed, so that others can tell by it.
      if (this.credentials === null || !isDeepStrictEqual(files, this.files)) {
        this.credentials = parseCredentials(files, this.options.paths);
        this.files = files;
      }
      this.failure = null;
      return this.credentials;
    } catch (error) {
      this.failure = error as CertificateError;
      throw error;
    }
  }

  /** Calls back after each change; the result ends it. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Keeps `current` up to date until the signal aborts. */
  follow(signal: AbortSignal): Promise<void> {
    const { paths, pollMilliseconds = 10_000 } = this.options;
    const folders = [...new Set([paths.certificate, paths.key, paths.authority].map(dirname))];
    return lookOnChange({ folders, pollMilliseconds, settleMilliseconds: 100 }, () => this.look(), signal);
  }

  private async look(): Promise<void> {
    const { logger, paths } = this.options;
    const before = this.credentials;
    try {
      const now = await this.read();
      this.told = null;
      if (before === now) return;
      logger.info('The node’s certificate is read', { path: paths.certificate, node: now.nodeId, role: now.role, validTo: now.validTo.toISOString() });
    } catch (error) {
      const { message } = error as CertificateError;
      // With one that still is valid, this is a rotation in its middle more often than not.
      if (this.told !== message) logger[before === null ? 'warn' : 'debug']('The node’s certificate can’t be used', { error });
      this.told = message;
      if (before !== null) return;
    }
    for (const listener of this.listeners) listener();
  }
}
