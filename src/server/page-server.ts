/**
 * The page that draws the living mesh, on an address of this node: loopback, unless its owner names another.
 *
 * GET /                         the page, and its own scripts and styles
 * GET /api/mesh                 MeshSnapshot
 * GET /api/stream               the same, then what is new, as Server-Sent Events
 * GET /api/events               MeshEvent[]
 * GET /api/trace?port=8080/tcp  TraceAnswer; one at a time
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../log.js';
import type { TraceAnswer } from '../page/wire.js';
import type { ListenAddress } from '../settings.js';
import type { PageFile } from './page-files.js';
import { MeshFeed, type FeedSource } from './page-feed.js';
import { commonHeaders, refusalOf } from './page-guard.js';
import { stream } from './page-stream.js';
import { parseTracedPort, PortTracer, TraceBusyError } from './page-trace.js';

export interface PageSource extends FeedSource {
  /** `port`: `8080/tcp`. */
  trace(port: string): Promise<TraceAnswer>;
}

export interface PageServer {
  readonly port: number;
  /** Ends the streams, too. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly content: string | Buffer;
}

const mostConnections = 64;
/** A browser opens at most six to one server: no tab can use all of them up. */
export const mostStreams = 16;

/** Rejects where the address can't be listened on. */
export async function startPageServer({ address, port }: ListenAddress, source: PageSource, files: ReadonlyMap<string, PageFile>, logger: Logger): Promise<PageServer> {
  const page = new Page(address, source, files, logger);
  const server = createServer(
    { maxHeaderSize: 8192, headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 2_000 },
    (request, response) => { void page.respond(request, response); },
  );
  server.maxConnections = mostConnections;
  await listen(server, address, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => { resolve(); });
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

class Page {
  private readonly feed: MeshFeed;
  private readonly tracer: PortTracer;
  private streams = 0;

  constructor(
    private readonly address: string,
    private readonly source: PageSource,
    private readonly files: ReadonlyMap<string, PageFile>,
    private readonly logger: Logger,
  ) {
    this.feed = new MeshFeed(source);
    this.tracer = new PortTracer((port) => source.trace(port));
  }

  async respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    const refusal = refusalOf({ method: request.method, path, headers: request.headers }, this.address);
    // A body is never read: nothing that is asked here has one.
    if (request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined) response.setHeader('connection', 'close');
    try {
      if (refusal !== null) send(request, response, json(refusal.status, { error: refusal.error }));
      else if (path === '/api/stream' && request.method === 'GET') this.stream(request, response);
      else send(request, response, await this.answer(path, new URLSearchParams(query)));
    } catch (error) {
      this.logger.warn('A request of the page failed', { path: path.slice(0, 60), error });
      if (response.headersSent) response.destroy();
      else send(request, response, json(500, { error: error instanceof Error ? error.message : String(error) }));
    }
  }

  private async answer(path: string, query: URLSearchParams): Promise<Answer> {
    const file = this.files.get(path);
    if (file !== undefined) return { status: 200, ...file };
    if (path === '/api/mesh') return json(200, await this.feed.current());
    if (path === '/api/events') return json(200, this.source.eventsAfter(0));
    if (path === '/api/trace') return await this.trace(query.get('port'));
    return json(404, { error: 'nothing is here' });
  }

  private async trace(asked: string | null): Promise<Answer> {
    const port = parseTracedPort(asked);
    if (port === null) return json(400, { error: 'expected port=NUMBER/PROTOCOL, such as port=8080/tcp' });
    try {
      return json(200, await this.tracer.trace(port));
    } catch (error) {
      if (error instanceof TraceBusyError) return json(503, { error: error.message });
      throw error;
    }
  }

  private stream(request: IncomingMessage, response: ServerResponse): void {
    if (this.streams >= mostStreams) {
      send(request, response, json(503, { error: `${mostStreams} pages watch already` }));
      return;
    }
    this.streams += 1;
    response.writeHead(200, { ...commonHeaders, 'content-type': 'text/event-stream; charset=utf-8' });
    stream(this.feed, response, () => { this.streams -= 1; });
  }
}

function json(status: number, body: unknown): Answer {
  return { status, type: 'application/json; charset=utf-8', content: `${JSON.stringify(body)}\n` };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, content }: Answer): void {
  response.writeHead(status, {
    ...commonHeaders,
    'content-type': type,
    'content-length': Buffer.byteLength(content),
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : content);
}
