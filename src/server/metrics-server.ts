/**
 * Metrics and health over TCP, for those who may not open the control socket. Off unless it is asked for.
 *
 * INVARIANTS
 * - Nothing else is told here, and nothing can be changed.
 * - Whatever a client does costs bounded memory: connections, headers and time all have an end.
 * - An address that can't be listened on (yet) keeps nothing from being served: it is tried again.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { EventRecorder } from '../event.js';
import type { Logger } from '../log.js';
import type { ListenAddress } from '../settings.js';
import { respond } from './answer.js';
import { healthRoutes, type HealthFacts } from './health-routes.js';

export interface MetricsServerOptions extends ListenAddress {
  readonly events: EventRecorder;
  readonly logger: Logger;
  readonly retryMilliseconds?: number;
}

const mostConnections = 16;
/** For the headers of a request, in milliseconds. */
const requestMilliseconds = 5_000;
/** For a client that does not read on. */
const idleMilliseconds = 30_000;
const defaultRetry = 5_000;

export class MetricsServer {
  private server: Server | null = null;
  private retry: NodeJS.Timeout | undefined;
  private trouble: string | null = null;

  constructor(private readonly facts: HealthFacts, private readonly options: MetricsServerOptions) {}

  /** `127.0.0.1:9798`; null while nobody listens. */
  get address(): string | null {
    const found = this.server?.address() as AddressInfo | null | undefined;
    return found == null ? null : `${found.address}:${found.port}`;
  }

  /** Resolves when it listens or the first try has failed; goes on trying. */
  async start(): Promise<void> {
    const { address, port, events } = this.options;
    const object = { kind: 'controller', name: 'metrics' } as const;
    try {
      this.server = await listen(this.createServer(), address, port);
      events.normal('MetricsServed', object, `served on http://${this.address}/metrics`);
    } catch (error) {
      const trouble = `${address}:${port} can't be listened on: ${(error as Error).message}`;
      if (trouble !== this.trouble) events.warning('MetricsNotServed', object, `${trouble}; it is tried again`);
      this.trouble = trouble;
      this.retry = setTimeout(() => void this.start(), this.options.retryMilliseconds ?? defaultRetry);
      this.retry.unref();
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.retry);
    const { server } = this;
    this.server = null;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => { resolve(); }));
    server.closeAllConnections();
    await closed;
  }

  private createServer(): Server {
    const server = createServer(
      { maxHeaderSize: 4096, headersTimeout: requestMilliseconds, requestTimeout: requestMilliseconds, connectionsCheckingInterval: 1_000, keepAlive: false },
      (request, response) => {
        response.setHeader('connection', 'close');
        void respond(request, response, healthRoutes, this.facts, this.options.logger);
      },
    );
    server.maxConnections = mostConnections;
    server.setTimeout(idleMilliseconds);
    return server;
  }
}

function listen(server: Server, address: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port }, () => {
      server.off('error', reject);
      // A listening socket's later trouble (too many open files) is one client's; the next is taken again.
      server.on('error', () => undefined);
      resolve(server);
    });
  });
}
