/**
 * The relay of a manager: its cluster state for the other nodes of this cluster, and for nobody else.
 *
 * INVARIANTS
 * - Nothing is parsed of a peer that has not proved, by a valid certificate of this cluster, which of its nodes it is.
 * - Whatever a peer does costs bounded memory: connections, headers, time and what waits to be read all have an end.
 */
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { heartbeatMilliseconds, linesType, longestNews, newsPath, newsSilenceMilliseconds, statePath, watchPath, type News } from '../cluster/relay/protocol.js';
import type { Credentials } from '../cluster/relay/certificates.js';
import type { Logger } from '../log.js';
import { addressOf, Admission, peerOf } from './relay-admission.js';
import type { RelayHistory } from './relay-history.js';
import { RefusalLog } from './refusal-log.js';
import { hearNews } from './relay-news.js';

export interface RelayServerOptions {
  /** Of this node; the relay listens on no other address. */
  readonly address: string;
  readonly port: number;
  readonly credentials: Credentials;
  readonly history: RelayHistory;
  /** What a node says of its own tasks; `nodeId` is proved. */
  readonly onNews: (nodeId: string, news: News) => void;
  readonly logger: Logger;
  readonly limits?: Partial<RelayLimits>;
}

/** Times in milliseconds, sizes in bytes. */
export interface RelayLimits {
  readonly heartbeat: number;
  /** For TLS, and once more for the headers of a request. */
  readonly handshake: number;
  /** For reading the whole state. */
  readonly answer: number;
  /** For the next news of a node that tells some. */
  readonly newsSilence: number;
  /** What may wait for one that does not read its stream. */
  readonly unread: number;
}

const defaultLimits: RelayLimits = { heartbeat: heartbeatMilliseconds, handshake: 10_000, answer: 60_000, newsSilence: newsSilenceMilliseconds, unread: 4 * 1024 * 1024 };

/** A removed node's certificate is valid for months. */
const noNode = 'its node is none of this cluster (any more)';

export interface RelayServer {
  /** `192.168.56.11:4798` */
  readonly address: string;
  /** Nodes that follow at this moment. */
  readonly followers: number;
  /** Goes on with another certificate; connections that there are stay. */
  use(credentials: Credentials): void;
  /** Ends every connection. */
  close(): Promise<void>;
}

/** Rejects when the address and port can't be listened on. */
export async function startRelayServer(options: RelayServerOptions): Promise<RelayServer> {
  const relay = new Relay(options);
  await relay.listen();
  return relay;
}

class Relay implements RelayServer {
  private readonly server: Server;
  private readonly admission = new Admission();
  private readonly refusals: RefusalLog;
  private readonly limits: RelayLimits;
  private readonly watchers = new Set<ServerResponse>();
  /** Connections that have not shown a certificate yet, by address and port of the client. */
  private readonly handshakes = new Map<string, { readonly socket: Socket; readonly end: () => void }>();
  private clusterId: string;

  constructor(private readonly options: RelayServerOptions) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.refusals = new RefusalLog(options.logger);
    this.clusterId = options.credentials.clusterId;
    const { handshake } = this.limits;
    this.server = createServer({
      ...contextOf(options.credentials),
      requestCert: true,
      // Refused by our own check below, which can say why.
      rejectUnauthorized: false,
      handshakeTimeout: handshake,
      maxHeaderSize: 4096,
      headersTimeout: handshake,
      // News have no end, and no other request has a body.
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(1_000, handshake),
    });
    this.server.prependListener('connection', (socket: Socket) => this.onConnection(socket));
    this.server.prependListener('secureConnection', (socket) => this.onSecureConnection(socket));
    // Node tells failed handshakes here as well.
    this.server.on('clientError', (error, socket) => this.onBroken(error, socket as Socket));
    this.server.on('request', (request, response) => this.onRequest(request, response));
  }

  get address(): string {
    const { address, port } = this.server.address() as AddressInfo;
    return `${address}:${port}`;
  }

  get followers(): number {
    return this.watchers.size;
  }

  async listen(): Promise<void> {
    const { address, port } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen({ host: address, port }, () => {
        this.server.off('error', reject);
        this.server.on('error', (error) => this.options.logger.warn('The relay’s socket failed', { error }));
        resolve();
      });
    });
  }

  use(credentials: Credentials): void {
    this.clusterId = credentials.clusterId;
    this.server.setSecureContext(contextOf(credentials));
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const { socket } of this.handshakes.values()) socket.destroy();
    this.server.closeAllConnections();
    await closed;
  }

  private onConnection(socket: Socket): void {
    const address = addressOf(socket);
    const refused = this.admission.beginHandshake(address);
    if (refused !== null) {
      this.refuse(refused, socket);
      return;
    }
    const key = nameOf(socket);
    const end = () => {
      if (this.handshakes.delete(key)) this.admission.endHandshake(address);
    };
    this.handshakes.set(key, { socket, end });
    socket.once('close', end);
  }

  private onSecureConnection(socket: TLSSocket): void {
    this.handshakes.get(nameOf(socket))?.end();
    const verdict = this.admission.admit(socket, this.clusterId);
    if ('refused' in verdict) this.refuse(verdict.refused, socket);
    else if (verdict.outlived !== null) this.refuse('too many connections of one node: its oldest is dropped', verdict.outlived);
  }

  private onBroken(error: Error, socket: Socket): void {
    // A socket that is closed already was refused before, or left by itself.
    if (socket.remoteAddress === undefined) return;
    this.handshakes.get(nameOf(socket))?.end();
    this.refuse(reasonOf(error), socket);
  }

  private refuse(reason: string, socket: Socket): void {
    this.refusals.refuse(reason, addressOf(socket));
    socket.destroy();
  }

  private onRequest(request: IncomingMessage, response: ServerResponse): void {
    // A refused connection may have had a request in the same packet.
    if (request.socket.destroyed) return;
    response.setHeader('connection', 'close');
    response.setHeader('cache-control', 'no-store');
    const url = URL.canParse(request.url ?? '', 'https://relay') ? new URL(request.url ?? '', 'https://relay') : null;
    const allowed = url?.pathname === newsPath ? 'POST' : 'GET';
    if (request.method !== allowed) {
      response.setHeader('allow', allowed);
      this.refuseRequest(request, response, 405, `only ${allowed} is answered here`);
      return;
    }
    if (allowed === 'GET' && (request.headers['transfer-encoding'] ?? request.headers['content-length']) !== undefined) {
      this.refuseRequest(request, response, 400, 'a body where none is asked for');
      return;
    }
    const nodeId = this.nodeOf(request.socket as TLSSocket);
    if (nodeId === null || !this.options.history.mayHave(nodeId)) {
      this.refuseRequest(request, response, 403, noNode);
      return;
    }
    if (url?.pathname === statePath) this.list(response);
    else if (url?.pathname === watchPath) this.watch(url, nodeId, request, response);
    else if (url?.pathname === newsPath) this.hear(nodeId, request, response);
    else this.refuseRequest(request, response, 404, `nothing is here; there are ${statePath}, ${watchPath} and ${newsPath}`);
  }

  /** By the certificate that the connection was admitted with. */
  private nodeOf(socket: TLSSocket): string | null {
    const identity = peerOf(socket, this.clusterId);
    return typeof identity === 'string' ? null : identity.nodeId;
  }

  private refuseRequest(request: IncomingMessage, response: ServerResponse, status: number, error: string): void {
    this.refusals.refuse(`a request that is none of the relay's: ${error}`, addressOf(request.socket));
    answer(response, status, error);
    // What else it sends is not waited for.
    response.once('finish', () => request.socket.destroySoon());
  }

  private list(response: ServerResponse): void {
    const body = this.options.history.list();
    if (body === null) {
      answer(response, 503, 'this manager has no cluster state yet');
      return;
    }
    const deadline = setTimeout(() => this.drop(response, 'it did not read the state in time'), this.limits.answer);
    response.once('close', () => clearTimeout(deadline));
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length }).end(body);
  }

  private watch({ searchParams }: URL, nodeId: string, request: IncomingMessage, response: ServerResponse): void {
    const { history } = this.options;
    const [epoch, after] = [searchParams.get('epoch') ?? '', searchParams.get('after') ?? ''];
    if (!/^[0-9a-f]{32}$/.test(epoch) || !/^\d{1,15}$/.test(after)) {
      this.refuseRequest(request, response, 400, 'expected an epoch and a revision');
      return;
    }
    const missed = history.since(epoch, Number(after));
    if (missed === null) {
      answer(response, 410, 'this history has no such revision any more; list again');
      return;
    }
    response.writeHead(200, { 'content-type': linesType });
    const write = (line: string) => {
      if (!history.mayHave(nodeId)) this.drop(response, noNode);
      else if (response.writableLength + line.length > this.limits.unread) this.drop(response, 'it does not read its stream');
      else response.write(line);
    };
    const end = history.watch(write);
    const heartbeat = setInterval(() => write(history.heartbeat()), this.limits.heartbeat);
    this.watchers.add(response);
    response.once('close', () => {
      end();
      clearInterval(heartbeat);
      this.watchers.delete(response);
    });
    for (const line of [...missed, history.heartbeat()]) write(line);
  }

  private hear(nodeId: string, request: IncomingMessage, response: ServerResponse): void {
    if (Number(request.headers['content-length'] ?? 0) > longestNews) {
      this.refuseRequest(request, response, 413, `expected news of at most ${longestNews} bytes`);
      return;
    }
    hearNews({
      request,
      response,
      silence: this.limits.newsSilence,
      unread: this.limits.unread,
      onNews: (news) => {
        if (!this.options.history.mayHave(nodeId)) return noNode;
        this.options.onNews(nodeId, news);
        return null;
      },
      refuse: (status, reason) => { this.refuseRequest(request, response, status, reason); },
      drop: (reason) => { this.drop(response, reason); },
    });
  }

  private drop(response: ServerResponse, reason: string): void {
    const { socket } = response;
    if (socket !== null && !socket.destroyed) this.refuse(reason, socket);
  }
}

function answer(response: ServerResponse, status: number, error: string): void {
  const body = `${JSON.stringify({ error })}\n`;
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) }).end(body);
}

/** TLS 1.3 only: both sides are routemesh on Node 20 or newer, and it has no renegotiation. */
function contextOf({ certificate, key, authority }: Credentials): SecureContextOptions {
  return { cert: certificate, key, ca: authority, minVersion: 'TLSv1.3' };
}

function nameOf(socket: Socket): string {
  return `${addressOf(socket)}:${socket.remotePort ?? 0}`;
}

const brokenBecause: Readonly<Record<string, string>> = {
  ERR_SSL_HTTP_REQUEST: 'it speaks plain HTTP',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'its TLS handshake took too long',
  ECONNRESET: 'it left in the middle of the handshake',
  HPE_HEADER_OVERFLOW: 'its headers are too long',
  ERR_HTTP_REQUEST_TIMEOUT: 'its request took too long',
};

function reasonOf(error: Error): string {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  return brokenBecause[code] ?? (code.startsWith('ERR_SSL') ? `it does not speak TLS as we do (${code})` : `what it sent is no request (${code})`);
}
