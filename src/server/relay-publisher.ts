/** Opens, moves, renews and closes the relay of a node, as its part in the cluster and its certificate change. */
import type { Credentials } from '../cluster/relay/certificates.js';
import type { CredentialStore } from '../cluster/relay/credential-store.js';
import type { News } from '../cluster/relay/protocol.js';
import type { RelayFacts } from '../cluster/source.js';
import type { ClusterState } from '../cluster/state.js';
import type { Publisher } from '../cluster/swarm/publisher.js';
import type { EventObject, EventRecorder } from '../event.js';
import type { Logger } from '../log.js';
import { RelayHistory } from './relay-history.js';
import { startRelayServer, type RelayServer } from './relay-server.js';

export interface RelayPublisherOptions {
  readonly port: number;
  readonly credentials: CredentialStore;
  /** What a node says of its own tasks. */
  readonly onNews: (nodeId: string, news: News) => void;
  readonly events: EventRecorder;
  readonly logger: Logger;
}

export class RelayPublisher implements Publisher {
  private readonly history = new RelayHistory();
  private server: RelayServer | null = null;
  private servedAddress: string | null = null;
  private used: Credentials | null = null;
  private wanted: string | null = null;
  /** Why the relay is not open although it is wanted. */
  private trouble: string | null = null;
  private adapting: Promise<void> = Promise.resolve();

  constructor(private readonly options: RelayPublisherOptions) {
    options.credentials.onChange(() => void this.adapt());
  }

  get description(): string {
    if (this.server === null) return this.trouble === null ? 'no relay' : `no relay: ${this.trouble}`;
    const { address, followers } = this.server;
    return `relay on ${address} (${followers} ${followers === 1 ? 'follower' : 'followers'})`;
  }

  get facts(): RelayFacts | null {
    return this.server === null ? null : { part: 'serves', revision: this.history.latest, followers: this.server.followers };
  }

  publish(state: ClusterState, changedAt: readonly number[] = []): void {
    this.history.publish(state, changedAt);
  }

  setUnavailable(): void {
    this.history.setAvailable(false);
  }

  serveOn(address: string | null): Promise<void> {
    this.wanted = address;
    return this.adapt();
  }

  /** One at a time: closing and opening take a while. */
  private adapt(): Promise<void> {
    this.adapting = this.adapting.then(() => this.adaptOnce());
    return this.adapting;
  }

  private async adaptOnce(): Promise<void> {
    const { wanted } = this;
    const credentials = wanted === null ? null : this.usableCredentials();
    if (this.server !== null && (credentials === null || wanted !== this.servedAddress)) await this.close();
    if (wanted === null || credentials === null) return;
    if (this.server === null) await this.open(wanted, credentials);
    else if (credentials !== this.used) this.renew(this.server, credentials);
  }

  private renew(server: RelayServer, credentials: Credentials): void {
    // Once is enough: what OpenSSL does not take today, it does not take tomorrow.
    this.used = credentials;
    try {
      server.use(credentials);
      this.options.logger.info('The relay goes on with a new certificate', { validTo: credentials.validTo.toISOString() });
    } catch (error) {
      this.options.logger.error('The relay goes on with the certificate that it had: the new one is not taken', { error });
    }
  }

  /** A node that was promoted has its new certificate a moment later. */
  private usableCredentials(): Credentials | null {
    try {
      const credentials = this.options.credentials.current;
      if (credentials.role === 'swarm-manager') return credentials;
      this.tellTrouble('this node’s certificate is still a worker’s');
    } catch (error) {
      this.tellTrouble((error as Error).message);
    }
    return null;
  }

  private async open(address: string, credentials: Credentials): Promise<void> {
    const { port, onNews, events, logger } = this.options;
    try {
      this.server = await startRelayServer({ address, port, credentials, history: this.history, onNews, logger });
    } catch (error) {
      this.tellTrouble(`${address}:${port} can't be listened on (${(error as Error).message}); see \`ss -ltnp sport = :${port}\``);
      return;
    }
    this.servedAddress = address;
    this.used = credentials;
    this.trouble = null;
    events.normal('RelayServed', relay(this.server.address), 'served to the other nodes of the cluster');
  }

  private async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    await server?.close();
    this.options.events.normal('RelayClosed', relay(`${this.servedAddress}:${this.options.port}`), 'closed');
  }

  private tellTrouble(trouble: string): void {
    if (trouble !== this.trouble) this.options.events.warning('RelayNotServed', relay(`${this.wanted}:${this.options.port}`), `can't be served yet: ${trouble}`);
    this.trouble = trouble;
  }
}

function relay(name: string): EventObject {
  return { kind: 'relay', name };
}
