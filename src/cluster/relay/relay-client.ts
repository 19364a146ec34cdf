/** Requests of a follower to one manager. Each ends: with the answer, or with an error that says what is wrong with whom. */
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { isNativeError } from 'node:util/types';
import { quoteForPeople } from '../condition.js';
import { LineSplitter } from '../docker/lines.js';
import { certificateVerdicts } from './certificate-verdicts.js';
import { identityOf, type Credentials } from './certificates.js';
import { longestLine, longestState, newsPath, parseLine, parseListing, ProtocolError, statePath, watchPath, type Line, type Listing, type News } from './protocol.js';

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

/** Times in milliseconds. */
export interface RelayPatience {
  /** For the connection with its handshake, and for each piece of an answer. */
  readonly silence: number;
  /** For the whole state. */
  readonly listing: number;
}

/** Rejects with RelayError. */
export async function listState(manager: Manager, credentials: Credentials, patience: RelayPatience, signal: AbortSignal): Promise<Listing> {
  const call = new Call(manager, credentials, statePath, patience.silence, signal);
  const pieces: Buffer[] = [];
  let bytes = 0;
  await call.run((piece) => {
    bytes += piece.length;
    if (bytes > longestState) throw new ProtocolError(`its state is larger than ${longestState} bytes`);
    pieces.push(piece);
    call.hearsFrom();
  }, patience.listing);
  return call.explaining(() => parseListing(Buffer.concat(pieces).toString('utf8')));
}

/** Calls back with each line; what the callback throws ends the stream. Rejects with RelayError, also when the stream ends. */
export async function watchState(
  manager: Manager,
  credentials: Credentials,
  position: { readonly epoch: string; readonly revision: number },
  onLine: (line: Line) => void,
  patience: RelayPatience,
  signal: AbortSignal,
): Promise<never> {
  const call = new Call(manager, credentials, `${watchPath}?epoch=${position.epoch}&after=${position.revision}`, patience.silence, signal);
  const splitter = new LineSplitter(longestLine);
  await call.run((piece) => {
    for (const text of splitter.push(piece)) {
      // A line is what counts: bytes that never become one are silence.
      call.hearsFrom();
      onLine(parseLine(text));
    }
  });
  throw new RelayError(`${call.name} ended its stream`);
}

/** To one manager, kept open from one telling to the next: a handshake takes longer than all the rest. */
export class NewsLine {
  private open: { readonly agent: Agent; readonly credentials: Credentials } | null = null;

  constructor(private readonly manager: Manager) {}

  /** Within the milliseconds. Rejects with RelayError; the next telling begins with a handshake then. */
  async tell(credentials: Credentials, news: News, milliseconds: number, signal: AbortSignal): Promise<void> {
    // What was opened with another certificate does not outlive it.
    if (this.open?.credentials !== credentials) this.close();
    this.open ??= { agent: new Agent({ keepAlive: true, maxSockets: 1 }), credentials };
    const call = new Call(this.manager, credentials, newsPath, milliseconds, signal, { news: JSON.stringify(news), agent: this.open.agent });
    try {
      await call.run(() => undefined, milliseconds);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A telling that is under way fails. */
  close(): void {
    this.open?.agent.destroy();
    this.open = null;
  }
}

export function nameOfManager({ nodeId, host, port }: Manager): string {
  return `manager ${nodeId} (${host}:${port})`;
}

class Call {
  readonly name: string;
  private readonly ending = new AbortController();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly manager: Manager,
    private readonly credentials: Credentials,
    private readonly path: string,
    private readonly silence: number,
    private readonly signal: AbortSignal,
    /** To be posted, on a connection of the agent's; null: a GET, on one of its own. */
    private readonly post: { readonly news: string; readonly agent: Agent } | null = null,
  ) {
    this.name = nameOfManager(manager);
  }

  /** The silence begins anew. */
  hearsFrom(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ending.abort(new SilenceError(`${this.name} was silent for ${this.silence / 1000} s`)), this.silence);
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
      // Not where all went well: an answer may be here before Node calls its request sent, and a connection that is to be
      // kept open would be torn down with that.
      this.ending.abort();
      this.signal.throwIfAborted();
      throw this.explain(reason);
    } finally {
      clearTimeout(this.timer);
      clearTimeout(deadline);
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
      const call = request(this.requestOptions(signal), resolve);
      call.on('error', reject);
      call.end(this.post?.news);
    });
  }

  private requestOptions(signal: AbortSignal): RequestOptions {
    const { manager, credentials, post } = this;
    return {
      // A stream has a connection of its own: nothing that a pool keeps outlives a rotation.
      ...(post === null ? { agent: false } : { agent: post.agent, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(post.news) } }),
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
      if (statusCode !== 200 && statusCode !== 204) {
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
