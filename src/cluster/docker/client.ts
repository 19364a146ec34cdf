/**
 * Requests to dockerd. Every one ends: with the answer, with a typed error, or with a timeout, so that a Docker that
 * hangs is noticed. (dockerode alone waits for ever when an answer is cut off in the middle.)
 */
import Docker from 'dockerode';
import { DockerAnswerError, dockerError, DockerTimeoutError } from './errors.js';
import type { RawObject } from './raw.js';

export interface DockerClientOptions {
  /** Unix socket of the node's dockerd. */
  readonly socket: string;
  /** For one request, in milliseconds. */
  readonly requestMilliseconds?: number;
}

/** A loaded machine takes its time, and while Docker hangs the last good state is served anyway. */
const defaultRequestMilliseconds = 20_000;

/** Filters as of the Engine API: `{ service: ['id'] }`. */
export type Filters = Readonly<Record<string, readonly string[]>>;

export interface ServiceUpdate {
  /** `Version.Index` of the service as it was read. */
  readonly version: number;
  readonly spec: Readonly<Record<string, unknown>>;
}

export class DockerClient {
  private readonly docker: Docker;
  private readonly requestMilliseconds: number;
  readonly socket: string;

  constructor({ socket, requestMilliseconds = defaultRequestMilliseconds }: DockerClientOptions) {
    this.socket = socket;
    this.requestMilliseconds = requestMilliseconds;
    // The socket is a setting of ours: DOCKER_HOST and what belongs to it are kept out, above all its timeout, which
    // would cut silent event streams.
    const options = { socketPath: socket, host: undefined, protocol: 'http', timeout: undefined };
    this.docker = new Docker(options as unknown as Docker.DockerOptions);
  }

  services(signal: AbortSignal, filters?: Filters): Promise<readonly RawObject[]> {
    return this.list('listing services', signal, (options) => this.docker.listServices(options), filters);
  }

  tasks(signal: AbortSignal, filters?: Filters): Promise<readonly RawObject[]> {
    return this.list('listing tasks', signal, (options) => this.docker.listTasks(options), filters);
  }

  nodes(signal: AbortSignal): Promise<readonly RawObject[]> {
    return this.list('listing nodes', signal, ({ abortSignal }) => this.docker.listNodes({ abortSignal }));
  }

  /** Those of the whole cluster; local bridges are left out. */
  swarmNetworks(signal: AbortSignal): Promise<readonly RawObject[]> {
    return this.list('listing networks', signal, (options) => this.docker.listNetworks(options), { scope: ['swarm'] });
  }

  /** Running and paused ones. */
  containers(signal: AbortSignal, filters: Filters): Promise<readonly RawObject[]> {
    return this.list('listing containers', signal, (options) => this.docker.listContainers(options), filters);
  }

  inspectContainer(id: string, signal: AbortSignal): Promise<RawObject> {
    return this.request(`inspecting container ${id.slice(0, 12)}`, signal, (abortSignal) => this.docker.getContainer(id).inspect({ abortSignal }));
  }

  /** By id or name. DockerAnswerError 404 where there is none. */
  inspectService(name: string, signal: AbortSignal): Promise<RawObject> {
    return this.request(`inspecting service ${name}`, signal, (abortSignal) => this.docker.getService(encodeURIComponent(name)).inspect({ abortSignal }));
  }

  /** Puts a spec in the place of the one that the service has at this version; Docker refuses it when somebody else was faster. */
  async updateService(id: string, { version, spec }: ServiceUpdate, signal: AbortSignal): Promise<void> {
    // docker-modem's way to say which words go where; dockerode's types don't know it.
    const service = this.docker.getService(id) as unknown as { update(options: { _query: { version: number }; _body: unknown; abortSignal: AbortSignal }): Promise<unknown> };
    await this.request('updating a service', signal, (abortSignal) => service.update({ _query: { version }, _body: spec, abortSignal }));
  }

  info(signal: AbortSignal): Promise<RawObject> {
    // dockerode takes the option, its types don't know it.
    const docker = this.docker as unknown as { info(options: { abortSignal: AbortSignal }): Promise<unknown> };
    return this.request('docker info', signal, (abortSignal) => docker.info({ abortSignal }));
  }

  /** `since` in seconds of Docker's clock. The answer's headers come within the time of a request; the stream itself may be silent for days. */
  async events(signal: AbortSignal, filters: Filters, since: number): Promise<NodeJS.ReadableStream> {
    return this.request('following events', signal, (abortSignal) =>
      this.docker.getEvents({ abortSignal, since, filters: JSON.stringify(filters) }),
      { keepAlive: true },
    );
  }

  private async list(
    doing: string,
    signal: AbortSignal,
    call: (options: { abortSignal: AbortSignal; filters: Record<string, string[]> }) => Promise<unknown>,
    filters: Filters = {},
  ): Promise<readonly RawObject[]> {
    const answer = await this.request(doing, signal, (abortSignal) => call({ abortSignal, filters: filters as Record<string, string[]> }));
    if (Array.isArray(answer)) return answer as readonly RawObject[];
    // docker-modem gives falsy JSON as bytes; Go says null for an empty list.
    if (Buffer.isBuffer(answer) && answer.toString().trim() === 'null') return [];
    throw new DockerAnswerError(`Docker on ${this.socket} answered with something else than a list (${doing})`, null);
  }

  private async request<Answer>(
    doing: string,
    signal: AbortSignal,
    call: (abortSignal: AbortSignal) => Promise<Answer>,
    { keepAlive = false } = {},
  ): Promise<Answer> {
    const ending = new AbortController();
    const end = () => ending.abort(signal.reason);
    let timer: NodeJS.Timeout | undefined;
    let answered = false;
    try {
      signal.throwIfAborted();
      signal.addEventListener('abort', end, { once: true });
      const answer = await Promise.race([
        call(ending.signal),
        new Promise<never>((_, reject) => {
          ending.signal.addEventListener('abort', () => reject(ending.signal.reason as Error), { once: true });
          timer = setTimeout(() => {
            const message = `Docker on ${this.socket} did not answer within ${this.requestMilliseconds / 1000} s; it hangs or is overloaded, see its log (journalctl -u docker)`;
            ending.abort(new DockerTimeoutError(message));
          }, this.requestMilliseconds);
        }),
      ]);
      answered = true;
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      throw dockerError(ending.signal.aborted ? ending.signal.reason : error, this.socket, doing);
    } finally {
      clearTimeout(timer);
      if (!(keepAlive && answered)) signal.removeEventListener('abort', end);
    }
  }
}
