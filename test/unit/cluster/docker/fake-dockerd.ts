/**
 * A dockerd on a unix socket that fails on command. Only for what a real one can't be made to do at will: its answers
 * are canned, so it proves nothing about Docker itself.
 */
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RawCluster } from '../../../../src/cluster/docker/raw.js';

export type Failure = 'none' | 'error' | 'hang' | 'cut' | 'not a manager' | 'not a list';

export class FakeDockerd {
  cluster: RawCluster = { services: [], tasks: [], nodes: [], networks: [] };
  info: unknown = {};
  /** `pid` 0: created, and not started. */
  containers = new Map<string, { taskId: string; pid: number; healthCheck?: readonly string[] }>();
  failure: Failure = 'none';
  /** For event streams only. */
  eventsFailure: Failure = 'none';
  readonly requests: string[] = [];
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();
  private readonly streams = new Set<ServerResponse>();
  /** Answers to inspections are held back until it resolves. */
  inspectionGate: Promise<void> = Promise.resolve();

  constructor(readonly socket: string) {}

  async start(): Promise<void> {
    await rm(this.socket, { force: true });
    this.server = createServer((request, response) => void this.answer(request, response));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    await new Promise<void>((resolve) => this.server?.listen(this.socket, resolve));
  }

  /** As `kill -9` does it: connections break in the middle, the socket's file stays. */
  async stop(): Promise<void> {
    const server = this.server;
    this.server = null;
    this.streams.clear();
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  }

  /** Bytes into every open event stream. */
  emit(bytes: string | Uint8Array): void {
    for (const stream of this.streams) stream.write(bytes);
  }

  event(type: string, action: string, id: string, attributes: Record<string, string> = {}): void {
    this.emit(`${JSON.stringify({ Type: type, Action: action, Actor: { ID: id, Attributes: attributes }, scope: 'swarm', time: Math.floor(Date.now() / 1000) })}\n`);
  }

  cutStreams(): void {
    for (const stream of this.streams) stream.destroy();
    this.streams.clear();
  }

  get openStreams(): number {
    return this.streams.size;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://docker');
    this.requests.push(`${url.pathname}${url.search}`);
    const isEvents = url.pathname === '/events';
    const body = isEvents ? '' : await this.body(url);
    switch (isEvents ? this.eventsFailure : this.failure) {
      case 'none':
        break;
      case 'error':
        return send(response, 500, '{"message":"rpc error: code = Unknown desc = The swarm does not have a leader."}');
      case 'not a manager':
        return send(response, 503, '{"message":"This node is not a swarm manager. Worker nodes can\'t be used to view or modify cluster state."}');
      case 'not a list':
        return send(response, 200, '{"message":"hello"}');
      case 'hang':
        return;
      case 'cut':
        response.writeHead(200, { 'Content-Length': body.length + 100 }).write(body.slice(0, body.length / 2));
        setTimeout(() => response.destroy(), 5);
        return;
    }
    if (!isEvents) return body === '' ? send(response, 404, '{"message":"not found"}') : send(response, 200, body);
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
  }

  private async body(url: URL): Promise<string> {
    const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as Record<string, string[]>;
    const wanted = (objects: readonly unknown[], field: string, ids: string[] | undefined) =>
      ids === undefined ? objects : objects.filter((object) => ids.includes((object as Record<string, string>)[field] ?? ''));
    const { services, tasks, nodes, networks } = this.cluster;
    switch (url.pathname) {
      case '/services':
        return JSON.stringify(wanted(services, 'ID', filters.id));
      case '/tasks':
        // As dockerd: the tasks of an unknown service are an error.
        if (filters.service !== undefined && wanted(services, 'ID', filters.service).length < filters.service.length) return '';
        return JSON.stringify(wanted(tasks, 'ServiceID', filters.service));
      case '/nodes':
        return JSON.stringify(nodes);
      case '/networks':
        return JSON.stringify(networks);
      case '/info':
        return JSON.stringify(this.info);
      case '/containers/json':
        return JSON.stringify([...this.containers.keys()].map((Id) => ({ Id })));
      default: {
        const container = this.containers.get(url.pathname.split('/')[2] ?? '');
        await this.inspectionGate;
        if (container === undefined) return '';
        return JSON.stringify({
          Config: { Labels: { 'com.docker.swarm.task.id': container.taskId }, ...(container.healthCheck === undefined ? {} : { Healthcheck: { Test: container.healthCheck } }) },
          State: { Running: container.pid !== 0, Pid: container.pid },
        });
      }
    }
  }
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
}
