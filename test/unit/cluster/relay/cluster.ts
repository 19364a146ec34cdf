/** A Swarm of certificates and relays on loopback addresses: real sockets, real TLS. */
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Credentials, RelayRole } from '../../../../src/cluster/relay/certificates.js';
import type { News } from '../../../../src/cluster/relay/protocol.js';
import type { Manager } from '../../../../src/cluster/relay/relay-call.js';
import { EventRecorder } from '../../../../src/event.js';
import type { Logger } from '../../../../src/log.js';
import { RelayHistory } from '../../../../src/server/relay-history.js';
import { startRelayServer, type RelayLimits, type RelayServer } from '../../../../src/server/relay-server.js';
import { Authority, type LeafOptions } from '../../../support/certificates.js';
import { clusterId } from './swarm-folder.js';

export const authority = new Authority();

export function credentialsOf(nodeId: string, role: RelayRole, options: LeafOptions & { readonly cluster?: string; readonly by?: Authority } = {}): Credentials {
  const { cluster = clusterId, by = authority } = options;
  const signed = by.issue({ CN: nodeId, OU: role, O: cluster }, options);
  return { ...signed, nodeId, role, clusterId: cluster, authority: by.certificate, validTo: new Date() };
}

export class KeptLog implements Logger {
  readonly lines: string[] = [];
  debug = (): void => undefined;
  info = this.keep('info');
  warn = this.keep('warn');
  error = this.keep('error');
  readonly events = new EventRecorder({ add: () => undefined }, this);

  count(words: string): number {
    return this.lines.filter((line) => line.includes(words)).length;
  }

  private keep(level: string) {
    return (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
      this.lines.push(`${level} ${message} ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.message : value))}`);
    };
  }
}

/** A manager whose relay can be killed and started again on the same port. */
export class TestManager {
  history = new RelayHistory();
  readonly log = new KeptLog();
  /** What nodes have said of their own tasks. */
  readonly heard: (readonly [nodeId: string, news: News])[] = [];
  server: RelayServer | null = null;
  private port = 0;

  constructor(readonly nodeId: string, private readonly limits: Partial<RelayLimits> = {}, private readonly credentials = credentialsOf(nodeId, 'swarm-manager')) {}

  async start(): Promise<void> {
    this.server = await startRelayServer({ address: '127.0.0.1', port: this.port, credentials: this.credentials, history: this.history, onNews: (nodeId, news) => { this.heard.push([nodeId, news]); }, logger: this.log, limits: { heartbeat: 50, ...this.limits } });
    this.port = Number(this.server.address.split(':')[1]);
  }

  /** As a killed controller: its history is gone with it. */
  async stop(): Promise<void> {
    await this.server?.close();
    this.server = null;
    this.history = new RelayHistory();
  }

  get address(): Manager {
    return { nodeId: this.nodeId, host: '127.0.0.1', port: this.port };
  }
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Resolves once the condition holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > limit) throw new Error(`Expected ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
