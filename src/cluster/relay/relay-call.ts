/** One request to a manager's relay, over a connection of its own, with certificates on both sides. */
import { request, type RequestOptions } from 'node:https';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { isNativeError } from 'node:util/types';
import { quoteForPeople } from '../condition.js';
import { certificateVerdicts } from './certificate-verdicts.js';
import { identityOf, type Credentials } from './certificates.js';
import { linesType, ProtocolError } from './protocol.js';

export interface Manager {
  readonly nodeId: string;
  /** Its own address; the port is the relay's. */
  readonly host: string;
  readonly port: number;
}

/** What a manager's relay could not give; another manager, or another time, may. */
export class RelayError extends Error {
  override readonly name: string = 'RelayError';
}

/** The manager's history does not reach back to where the follower is. */
export class HistoryGoneError extends RelayError {
  override readonly name = 'HistoryGoneError';
}

/** Nothing came in time: the manager, or the way to it, is dead. */
export class SilenceError extends RelayError {
  override readonly name = 'SilenceError';
}

export function nameOfManager({ nodeId, host, port }: Manager): string {
  return `manager ${nodeId} (${host}:${port})`;
}

export class RelayCall {
  readonly name: string;
  private readonly ending = new AbortController();
  private request: ClientRequest | null = null;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly manager: Manager,
    private readonly credentials: Credentials,
    private readonly path: string,
    private readonly silence: number,
    private readonly signal: AbortSignal,
    /** POST: what is written is its body, which has no end. */
    private readonly method: 'GET' | 'POST' = 'GET',
  ) {
    this.name = nameOfManager(manager);
  }

  /** The silence begins anew. */
  hearsFrom(): void {
    this.awaitsNothing();
    this.timer = setTimeout(() => this.ending.abort(new SilenceError(`${this.name} was silent for ${this.silence / 1000} s`)), this.silence);
  }

  /** Nothing is to be said: to be silent is no fault until `hearsFrom`. */
  awaitsNothing(): void {
    clearTimeout(this.timer);
  }

  /** Of a POST that runs. */
  write(text: string): void {
    this.request?.write(text);
  }

  /** Resolves when the answer has ended, which it must within the milliseconds; null: it may go on for ever. */
  async run(onPiece: (piece: Buffer) => void, milliseconds: number | null = null): Promise<void> {
    const late = () => this.ending.abort(new SilenceError(`${this.name} did not end its answer within ${(milliseconds ?? 0) / 1000} s`));
    const deadline = milliseconds === null ? undefined : setTimeout(late, milliseconds);
    this.hearsFrom();
    const signal = AbortSignal.any([this.signal, this.ending.signal]);
    try {
      signal.throwIfAborted();
      const response = await this.ask(signal);
      await this.read(response, onPiece);
    } catch (error) {
      const reason: unknown = this.ending.signal.aborted ? this.ending.signal.reason : error;
      this.signal.throwIfAborted();
      throw this.explain(reason);
    } finally {
      this.awaitsNothing();
      clearTimeout(deadline);
      this.request?.destroy();
    }
  }

  explaining<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (error) {
      throw this.explain(error);
    }
  }

  private ask(signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      this.request = request(this.requestOptions(signal), resolve);
      this.request.on('error', reject);
      if (this.method === 'GET') this.request.end();
    });
  }

  private requestOptions(signal: AbortSignal): RequestOptions {
    const { manager, credentials, method } = this;
    return {
      // A connection of its own: nothing that a pool keeps outlives a rotation.
      agent: false,
      method,
      ...(method === 'GET' ? {} : { headers: { 'content-type': linesType } }),
      host: manager.host,
      port: manager.port,
      path: this.path,
      signal,
      maxHeaderSize: 8192,
      cert: credentials.certificate,
      key: credentials.key,
      ca: credentials.authority,
      minVersion: 'TLSv1.3',
      servername: manager.nodeId,
      checkServerIdentity: (_, { subject }) => this.checkManager(subject),
    };
  }

  /** The chain and its dates were verified before: left is whether it is of the one manager that was asked. */
  private checkManager(subject: unknown): Error | undefined {
    const identity = identityOf(subject);
    if (typeof identity === 'string') return new RelayError(`its certificate is not one of a Swarm's node: ${identity}`);
    if (identity.role !== 'swarm-manager') return new RelayError('its certificate is a worker’s, and only managers serve');
    if (identity.clusterId !== this.credentials.clusterId) return new RelayError('its certificate is of another cluster');
    if (identity.nodeId !== this.manager.nodeId) return new RelayError('its certificate is of another node');
    return undefined;
  }

  private read(response: IncomingMessage, onPiece: (piece: Buffer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const { statusCode = 0 } = response;
      if (statusCode !== 200) {
        response.destroy();
        reject(statusCode === 410 ? new HistoryGoneError(`${this.name} has a newer history`) : new RelayError(`it answered ${statusCode}`));
        return;
      }
      response.on('data', (piece: Buffer) => {
        try {
          onPiece(piece);
        } catch (error) {
          response.destroy(isNativeError(error) ? error : new Error(String(error)));
        }
      });
      response.on('error', reject);
      response.on('end', resolve);
      response.on('close', () => reject(new RelayError('it closed the connection')));
    });
  }

  private explain(error: unknown): Error {
    if (error instanceof HistoryGoneError) return error;
    if (error instanceof RelayError && error.message.startsWith(this.name)) return error;
    const cause = isNativeError(error) ? error : new Error(String(error));
    const { code } = cause as NodeJS.ErrnoException;
    const reason = (code === undefined ? undefined : remedies[code]) ?? quoteForPeople(cause.message, 300).slice(1, -1);
    const message = `${this.name} can't be followed: ${reason}`;
    return error instanceof ProtocolError ? new ProtocolError(message, { cause }) : new RelayError(message, { cause });
  }
}

const remedies: Readonly<Record<string, string>> = {
  ...certificateVerdicts,
  ECONNREFUSED: 'nobody listens there; does routemesh run on it?',
  EHOSTUNREACH: 'there is no way to it, or a firewall is in it',
  ENETUNREACH: 'there is no way to its network',
  ETIMEDOUT: 'it does not answer; is a firewall in the way?',
  ECONNRESET: 'it closed the connection; its log says why',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is of another cluster',
  // Every Swarm calls its authority swarm-ca: another one's has the right name and the wrong key.
  CERT_SIGNATURE_FAILURE: 'its certificate is of another cluster',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
};
