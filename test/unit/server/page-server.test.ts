import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { request, type IncomingHttpHeaders } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { silentLogger } from '../../../src/log.js';
import type { MeshSnapshot, TraceAnswer } from '../../../src/page/wire.js';
import { MeshFeed, type Watcher } from '../../../src/server/page-feed.js';
import { readPageFiles } from '../../../src/server/page-files.js';
import { mostStreams, startPageServer, type PageServer, type PageSource } from '../../../src/server/page-server.js';
import { parseTracedPort } from '../../../src/server/page-trace.js';
import { syntheticEvents, syntheticMesh } from '../../support/synthetic-mesh.js';

const sources = new URL('../../../src/page/', import.meta.url);
const size = { nodes: 3, services: 2, tasks: 6, rate: 20 };
const events = syntheticEvents(Date.now());
const answer = { port: 8080 } as TraceAnswer;

let server: PageServer;
let looks = 0;
let trace: PageSource['trace'];
const sockets = new Set<Socket>();

beforeEach(async () => {
  looks = 0;
  trace = () => Promise.resolve(answer);
  const source: PageSource = {
    look: () => {
      looks += 1;
      return Promise.resolve(syntheticMesh(size, looks));
    },
    eventsAfter: (sequence) => events.filter((event) => event.sequence > sequence),
    trace: (port) => trace(port),
  };
  server = await startPageServer({ address: '127.0.0.1', port: 0 }, source, await readPageFiles(sources), silentLogger);
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await server.close();
});

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => { text += piece; });
      response.on('end', () => { resolve({ status: response.statusCode ?? 0, headers: response.headers, text }); });
    });
    call.on('error', reject);
    call.end();
  });
}

/** Opens the stream and resolves with its first bytes; it stays open. */
function openStream(): Promise<{ readonly socket: Socket; readonly first: string }> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(server.port, '127.0.0.1');
    sockets.add(socket);
    socket.once('data', (data) => { resolve({ socket, first: String(data) }); });
    socket.once('error', reject);
    socket.write('GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
  });
}

describe('the page’s server', () => {
  it('gives the page, and what it needs, from this node alone', async () => {
    const page = await get('/');
    expect(page.status).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    const wanted = [...page.text.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path);
    expect(wanted).toEqual(expect.arrayContaining(['/style.css', '/app.js', '/icon.svg']));
    expect(wanted.every((path) => path?.startsWith('/') && !path.startsWith('//'))).toBe(true);
  });

  it('lets the browser load nothing from elsewhere, frame it nowhere, and make no markup of a name', async () => {
    for (const path of ['/', '/style.css', '/api/mesh', '/nothing']) {
      const { headers } = await get(path);
      expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'.*require-trusted-types-for 'script'/);
      expect(headers['content-security-policy']).not.toMatch(/unsafe|http:|https:|\*/);
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' });
    }
  });

  it.each([
    ['a stranger’s name that leads here (DNS rebinding)', { host: 'rebind.example:80' }, 403],
    ['a name that only begins like ours', { host: '127.0.0.1.example' }, 403],
    ['rubbish for a name', { host: 'localhost@example' }, 403],
    ['this node by another port, as through ssh', { host: '127.0.0.1:9999' }, 200],
    ['localhost', { host: 'LocalHost:8090' }, 200],
    ['another site that includes it', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }, 403],
    ['another page of this machine', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }, 403],
    ['the page itself', { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }, 200],
  ])('answers a request of %s with its due', async (_whose, headers, status) => {
    expect((await get('/api/mesh', headers)).status).toBe(status);
  });

  it('can be linked to from another site, but for its page only', async () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    expect((await get('/', link)).status).toBe(200);
    expect((await get('/api/trace?port=8080/tcp', link)).status).toBe(403);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('changes nothing: %s is refused', async (method) => {
    expect(await get('/api/mesh', {}, method)).toMatchObject({ status: 405, headers: expect.objectContaining({ allow: 'GET, HEAD' }) });
  });

  it.each(['/../package.json', '/%2e%2e/package.json', '/app.ts', '/wire.ts', '/constructor', '/index.html', '//'])('has no file but its own: %s', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  it('refuses a head that is too large, and lives on', async () => {
    expect((await get(`/${'a'.repeat(20_000)}`)).status).toBe(431);
    expect((await get('/api/mesh')).status).toBe(200);
  });

  it('streams the mesh and the events at once, then what is new', async () => {
    const { socket, first } = await openStream();
    let text = first;
    socket.on('data', (data) => { text += String(data); });
    for (let tries = 0; tries < 1_000 && !text.includes('event: figures'); tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(text).toMatch(/content-type: text\/event-stream/i);
    expect([...text.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name)).toEqual(['snapshot', 'events', 'figures']);
    expect(JSON.parse(/^event: snapshot\ndata: (.*)$/m.exec(text)?.[1] ?? '')).toMatchObject({ node: { name: 'h1' } });
  });

  it('looks at nothing while nobody watches', async () => {
    const { socket } = await openStream();
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const before = looks;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(looks).toBe(before);
  });

  it('bounds its streams, and takes a new one when another has ended', async () => {
    const streams = await Promise.all(Array.from({ length: mostStreams }, () => openStream()));
    expect((await get('/api/stream')).status).toBe(503);
    streams[0]?.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await openStream()).first).toMatch(/^HTTP\/1.1 200/);
  });
});

describe('tracing from the page', () => {
  it('gives the trace of the port that was asked for', async () => {
    let asked = '';
    trace = (port) => {
      asked = port;
      return Promise.resolve(answer);
    };
    expect(JSON.parse((await get('/api/trace?port=8080%2Ftcp')).text)).toEqual(answer);
    expect(asked).toBe('8080/tcp');
  });

  it.each(['', '8080', 'tcp/8080', '0/tcp', '65536/tcp', '8080/tcp --from=1.2.3.4', '-1/tcp', '8080/TCP', '8080/icmp', '8080/tcp\n', '$(id)/tcp', '08080/tcp'])('refuses %j instead of handing it to a command', async (port) => {
    expect(parseTracedPort(port)).toBeNull();
    expect((await get(`/api/trace?port=${encodeURIComponent(port)}`)).status).toBe(400);
  });

  it('runs one at a time: the same port shares it, another waits', async () => {
    let runs = 0;
    let finish: (value: TraceAnswer) => void = () => undefined;
    trace = () => {
      runs += 1;
      return new Promise((resolve) => { finish = resolve; });
    };
    const both = [get('/api/trace?port=8080/tcp'), get('/api/trace?port=8080/tcp')];
    while (runs === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await get('/api/trace?port=53/udp')).toMatchObject({ status: 503, headers: expect.objectContaining({ 'retry-after': '1' }) });
    finish(answer);
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
    expect(runs).toBe(1);
  });

  it('says why when a trace fails, and traces again', async () => {
    trace = () => Promise.reject(new Error('iptables-save is missing'));
    expect(await get('/api/trace?port=8080/tcp')).toMatchObject({ status: 500, text: expect.stringContaining('iptables-save is missing') });
    trace = () => Promise.resolve(answer);
    expect((await get('/api/trace?port=8080/tcp')).status).toBe(200);
  });
});

describe('the feed', () => {
  const told: string[] = [];
  const watcher = (): Watcher => ({ tell: (name) => { told.push(name); }, tellAll: () => { told.push('all'); }, fail: () => { told.push('failed'); } });
  beforeEach(() => { told.length = 0; });

  async function watched(snapshots: (() => MeshSnapshot)[], clock = { now: 0 }): Promise<{ feed: MeshFeed; stop: () => void }> {
    const feed = new MeshFeed({ look: () => Promise.resolve((snapshots.shift() ?? (() => syntheticMesh(size)))()), eventsAfter: () => [] }, () => clock.now);
    const stop = feed.watch(watcher());
    await new Promise((resolve) => setImmediate(resolve));
    return { feed, stop };
  }

  it('says nothing while nothing changes, and a word now and then so that the page knows it is alive', async () => {
    const clock = { now: 0 };
    const { feed, stop } = await watched([], clock);
    clock.now = 9_000;
    await feed.tick();
    expect(told).toEqual(['all']);
    clock.now = 10_000;
    await feed.tick();
    expect(told).toEqual(['all', 'beat']);
    stop();
  });

  it('tells those who watch when the mesh can’t be looked at, and goes on', async () => {
    const broken = (): MeshSnapshot => { throw new Error('IPVS is gone'); };
    const { feed, stop } = await watched([() => syntheticMesh(size, 1), broken, () => syntheticMesh(size, 2)]);
    await feed.tick();
    await feed.tick();
    expect(told).toEqual(['all', 'failed', 'figures']);
    stop();
  });
});
