import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { request, type RequestOptions } from 'node:https';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { mostHandshakesOfAddress, mostOfNode } from '../../../src/server/relay-admission.js';
import type { Credentials } from '../../../src/cluster/relay/certificates.js';
import type { RelayLimits } from '../../../src/server/relay-server.js';
import { Authority } from '../../support/certificates.js';
import { authority, credentialsOf, TestManager, until } from '../cluster/relay/cluster.js';
import { clusterId } from '../cluster/relay/swarm-folder.js';
import { web } from '../cluster/relay/states.js';

let manager: TestManager;
const sockets: Socket[] = [];
beforeEach(() => begin());
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await manager.stop();
});

async function begin(limits: Partial<RelayLimits> = {}): Promise<void> {
  manager = new TestManager('m1', limits);
  manager.history.publish(web(1));
  await manager.start();
}

/** A relay in place of the first that waits for nobody long: for the tests of just that, as others may be slow on a busy machine. */
async function beginImpatient(): Promise<void> {
  await manager.stop();
  await begin({ handshake: 500 });
}

const worker = credentialsOf('w1', 'swarm-worker');
const asClient = ({ certificate, key }: Pick<Credentials, 'certificate' | 'key'>): ConnectionOptions => ({ cert: certificate, key });
const trusting: ConnectionOptions = { ca: authority.certificate, checkServerIdentity: () => undefined, minVersion: 'TLSv1.3' };

function kept<Kind extends Socket>(socket: Kind): Kind {
  sockets.push(socket);
  socket.on('error', () => undefined);
  return socket;
}

function plain(): Socket {
  const { port, host } = manager.address;
  return kept(connectPlain({ port, host }));
}

function secure(options: ConnectionOptions = asClient(worker)): TLSSocket {
  const { port, host } = manager.address;
  return kept(connect({ port, host, ...trusting, ...options }));
}

async function closed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (piece: Buffer) => { text += piece.toString(); });
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

/** The answer's status and body. */
async function ask(options: RequestOptions, body?: string): Promise<{ status: number; body: string }> {
  const { port, host } = manager.address;
  return new Promise((resolve, reject) => {
    const call = request({ port, host, agent: false, ...trusting, ...asClient(worker), ...options }, (response) => {
      let text = '';
      response.on('data', (piece: Buffer) => { text += piece.toString(); });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}

const refusals = () => manager.log.lines.filter((line) => line.startsWith('warn The relay refused'));

describe('who is no node of this cluster gets no answer, and the log says why, once', () => {
  const other = new Authority();
  const past = new Date(Date.now() - 1_000);
  const future = new Date(Date.now() + 3_600_000);
  test.each<[string, ConnectionOptions, string]>([
    ['no certificate', {}, 'no certificate'],
    ['a second Swarm’s', asClient(credentialsOf('w1', 'swarm-worker', { by: other, cluster: 'other' })), 'of another cluster'],
    ['a second Swarm’s under our cluster’s id', asClient(credentialsOf('w1', 'swarm-worker', { by: other })), 'of another cluster'],
    ['another cluster’s by the same authority', asClient(credentialsOf('w1', 'swarm-worker', { cluster: 'other' })), 'its O is another id'],
    ['one that has expired', asClient(credentialsOf('w1', 'swarm-worker', { notAfter: past })), 'has expired'],
    ['one that is not yet valid', asClient(credentialsOf('w1', 'swarm-worker', { notBefore: future })), 'not yet valid'],
    ['one of the cluster’s authority itself', asClient(authority), 'certificate'],
    ['one of no role', asClient(authority.issue({ CN: 'w1', OU: 'admin', O: clusterId })), 'expected its OU'],
  ])('%s', async (_, options, reason) => {
    for (let attempt = 0; attempt < 3; attempt++) {
      const socket = secure(options);
      socket.on('secureConnect', () => socket.write('GET /v1/state HTTP/1.1\r\nHost: relay\r\n\r\n'));
      expect(await closed(socket)).toBe('');
    }
    expect(refusals()).toHaveLength(1);
    expect(refusals()[0]).toContain(reason);
    expect(refusals()[0]).toContain('127.0.0.1');
  });

  test.each<[string, string, string]>([
    ['plain HTTP', 'GET /v1/state HTTP/1.1\r\nHost: relay\r\n\r\n', 'plain HTTP'],
    ['garbage', '\u0000\u0001garbage '.repeat(100), 'does not speak TLS'],
  ])('%s', async (_, words, reason) => {
    const socket = plain();
    socket.write(words);
    expect(await closed(socket)).not.toContain('n1');
    await until(() => refusals().length === 1, 'a refusal');
    expect(refusals()[0]).toContain(reason);
    expect(refusals()[0]).toContain('127.0.0.1');
  });

  test('TLS older than 1.3', async () => {
    await closed(secure({ ...asClient(worker), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }));
    await until(() => refusals().length === 1, 'a refusal');
    expect(refusals()[0]).toContain('does not speak TLS as we do');
  });

  test('one that never begins its handshake is not waited for', async () => {
    await beginImpatient();
    await closed(plain());
    expect(refusals()[0]).toContain('handshake took too long');
  });

  test('a flood of connections without certificates leaves room for the cluster’s nodes', async () => {
    await beginImpatient();
    const flood = Array.from({ length: mostHandshakesOfAddress * 4 }, plain);
    await Promise.all(flood.map(closed));
    expect((await ask({ path: '/v1/state' })).status).toBe(200);
    expect(refusals().some((line) => line.includes('too many connections without a certificate'))).toBe(true);
    expect(refusals().length).toBeLessThanOrEqual(2);
  });

  test('failed handshakes are not counted for ever', async () => {
    for (let attempt = 0; attempt < mostHandshakesOfAddress * 3; attempt++) {
      const socket = plain();
      socket.end('garbage '.repeat(50));
      await closed(socket);
    }
    expect((await ask({ path: '/v1/state' })).status).toBe(200);
  });
});

describe('what a node of the cluster may ask', () => {
  test('the state, as worker or manager', async () => {
    for (const peer of [worker, credentialsOf('m2', 'swarm-manager')]) {
      const { status, body } = await ask({ path: '/v1/state', ...asClient(peer) });
      expect(status).toBe(200);
      expect(JSON.parse(body)).toEqual({ epoch: manager.history.epoch, revision: 1, available: true, state: web(1) });
    }
  });

  test('nothing any more once it is removed from the cluster: its certificate is valid for months', async () => {
    const gone = { ...web(2), nodes: web(2).nodes.filter(({ id }) => id !== 'w1') };
    const watching = ask({ path: `/v1/watch?epoch=${manager.history.epoch}&after=1` });
    await until(() => manager.server?.followers === 1, 'a follower');
    manager.history.publish(gone);
    await expect(watching).rejects.toThrow();
    expect((await ask({ path: '/v1/state' })).status).toBe(403);
    expect(refusals().some((line) => line.includes('none of this cluster'))).toBe(true);
    expect((await ask({ path: '/v1/state', ...asClient(credentialsOf('m2', 'swarm-manager')) })).status).toBe(200);
  });

  test('nothing before the manager knows something', async () => {
    await manager.stop();
    await manager.start();
    expect((await ask({ path: '/v1/state' })).status).toBe(503);
  });

  test.each<[string, RequestOptions, number]>([
    ['another method', { path: '/v1/state', method: 'DELETE' }, 405],
    ['news without any', { path: '/v1/news' }, 405],
    ['a state that is brought', { path: '/v1/state', method: 'POST' }, 405],
    ['another path', { path: '/v1/state/../../etc/passwd' }, 404],
    ['no path at all', { path: '//' }, 404],
    ['a stream without a place in the history', { path: '/v1/watch' }, 400],
    ['a revision that is no number', { path: `/v1/watch?epoch=${'0'.repeat(32)}&after=-1` }, 400],
    ['another history', { path: `/v1/watch?epoch=${'0'.repeat(32)}&after=1` }, 410],
  ])('but not %s', async (_, options, status) => {
    expect((await ask(options)).status).toBe(status);
  });

  test('a revision that is yet to come is not of this history', async () => {
    expect((await ask({ path: `/v1/watch?epoch=${manager.history.epoch}&after=9` })).status).toBe(410);
  });

  test('a body is not read', async () => {
    expect((await ask({ path: '/v1/state', headers: { 'content-length': 5 } }, 'hello')).status).toBe(400);
  });
});

describe('whatever a node does costs bounded memory', () => {
  const say = async (words: string): Promise<string> => {
    const socket = secure();
    await once(socket, 'secureConnect');
    socket.write(words);
    return closed(socket);
  };

  test('giant headers', async () => {
    await say(`GET /v1/state HTTP/1.1\r\nHost: relay\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`);
    expect(refusals()[0]).toContain('its headers are too long');
  });

  test('garbage instead of a request', async () => {
    await say('\u0000\u0001\u0002 nonsense\r\n\r\n');
    expect(refusals()[0]).toContain('what it sent is no request');
  });

  test('headers that come one byte at a time', async () => {
    await beginImpatient();
    const socket = secure();
    await once(socket, 'secureConnect');
    const drip = setInterval(() => socket.write('G'), 100);
    socket.on('close', () => clearInterval(drip));
    await closed(socket);
    expect(refusals()).toHaveLength(1);
  });

  test('a connection without any request', async () => {
    await beginImpatient();
    const socket = secure();
    await once(socket, 'secureConnect');
    await closed(socket);
    expect(refusals()[0]).toContain('took too long');
  });

  test('more streams than one node has use for: the newest stay, as a node whose cable was pulled comes back by', async () => {
    const streams = Array.from({ length: mostOfNode }, () => secureWatch(worker));
    await until(() => manager.server?.followers === mostOfNode, 'all streams');
    const next = secureWatch(worker);
    await Promise.race(streams.map(closed));
    await until(() => refusals().length === 1, 'the word on it');
    expect(refusals()[0]).toContain('too many connections of one node');
    await until(() => manager.server?.followers === mostOfNode, 'as many streams as before');
    expect(next.destroyed).toBe(false);

    secureWatch(credentialsOf('w2', 'swarm-worker'));
    await until(() => manager.server?.followers === mostOfNode + 1, 'another node’s stream');
  });

  test('a follower that does not read its stream is dropped, and others go on', async () => {
    await manager.stop();
    await begin({ unread: 64 * 1024 });
    const slow = secureWatch(worker);
    await until(() => manager.server?.followers === 1, 'a follower');
    slow.pause();

    for (let n = 0; !manager.log.count('does not read its stream'); n++) {
      manager.history.publish(web(n % 2 === 0 ? 200 : 1));
      await new Promise((resolve) => setImmediate(resolve));
    }

    await until(() => manager.server?.followers === 0, 'no follower');
    expect((await ask({ path: '/v1/state' })).status).toBe(200);
  });

  function secureWatch(peer: Credentials): TLSSocket {
    const socket = secure(asClient(peer));
    socket.write(`GET /v1/watch?epoch=${manager.history.epoch}&after=1 HTTP/1.1\r\nHost: relay\r\n\r\n`);
    return socket;
  }
});

describe('what a node says of its own tasks', () => {
  const bring = (body: string) => ask({ path: '/v1/news', method: 'POST', headers: { 'content-length': Buffer.byteLength(body) } }, body);
  /** A stream of news, and all that is answered. */
  const telling = () => {
    const { port, host } = manager.address;
    const call = request({ port, host, agent: false, ...trusting, ...asClient(worker), path: '/v1/news', method: 'POST' });
    let answers = '';
    const ended = new Promise<void>((resolve) => call.on('close', resolve));
    call.on('error', () => undefined);
    call.on('response', (response) => {
      response.on('error', () => undefined);
      response.on('data', (piece: Buffer) => { answers += piece.toString(); });
    });
    return { call, ended, tell: (line: string) => call.write(`${line}\n`), answers: () => answers };
  };

  test('is heard with the name that its certificate proves', async () => {
    expect(await bring('{"gone":["t1"],"running":[]}')).toEqual({ status: 200, body: '{"heard":1}\n' });
    expect(manager.heard).toEqual([['w1', { gone: ['t1'], running: [] }]]);
  });

  test('is heard line by line, each answered before the next is there: no news wait for others', async () => {
    const { call, tell, answers, ended } = telling();
    tell('{"gone":["t1"],"running":[]}');
    await until(() => answers() === '{"heard":1}\n', 'the answer to the first');
    tell('{"gone":["t1"],"running":["t2"]}');
    await until(() => answers() === '{"heard":1}\n{"heard":2}\n', 'the answer to the second');
    call.end();
    await ended;
    expect(manager.heard).toEqual([['w1', { gone: ['t1'], running: [] }], ['w1', { gone: ['t1'], running: ['t2'] }]]);
    expect(refusals()).toEqual([]);
  });

  test.each<[string, string]>([
    ['no JSON', '{'],
    ['an unknown field', '{"gone":[],"running":[],"weight":{"t1":5}}'],
    ['ids that are none', '{"gone":["../t1"],"running":[]}'],
    ['more than anybody has', JSON.stringify({ gone: Array.from({ length: 2_001 }, (_, n) => `t${n}`), running: [] })],
    ['nothing', ''],
  ])('%s is refused, and nothing of it is used; in the middle of a stream it ends that', async (_, body) => {
    expect((await bring(body)).status).toBe(400);
    expect(manager.heard).toEqual([]);

    const { tell, answers, ended } = telling();
    tell('{"gone":[],"running":[]}');
    tell(body);
    tell('{"gone":["t1"],"running":[]}');
    await ended;
    expect(answers()).toMatch(/^({"heard":1}\n)?$/);
    expect(manager.heard).toEqual([['w1', { gone: [], running: [] }]]);
    expect(refusals()).toHaveLength(2);
  });

  test('news of more than is read are refused, whether they say so or not', async () => {
    const socket = secure();
    socket.write('POST /v1/news HTTP/1.1\r\nHost: relay\r\nContent-Length: 100000000\r\n\r\n');
    expect(await closed(socket)).toContain('413');
    const { tell, ended } = telling();
    tell('x'.repeat(300_000));
    await ended;
    expect(refusals().map((line) => /at most \d+ bytes/.exec(line)?.[0])).toEqual(['at most 262144 bytes', 'at most 262144 bytes']);
    expect(manager.heard).toEqual([]);
  });

  test('a node that says nothing for long is not waited for, and one that reads no answers is dropped', async () => {
    await manager.stop();
    await begin({ newsSilence: 300 });
    const { tell, ended } = telling();
    tell('{"gone":[],"running":[]}');
    await ended;
    expect(manager.heard).toHaveLength(1);
    expect(refusals()[0]).toContain('said nothing for too long');

    await manager.stop();
    await begin({ unread: 1_024 });
    const deaf = secure();
    deaf.write('POST /v1/news HTTP/1.1\r\nHost: relay\r\nTransfer-Encoding: chunked\r\n\r\n');
    deaf.pause();
    const line = '{"gone":[],"running":[]}\n';
    const lines = line.repeat(1_000);
    const chunk = `${lines.length.toString(16)}\r\n${lines}\r\n`;
    const flood = setInterval(() => { for (let n = 0; n < 20; n++) deaf.write(chunk); }, 5);
    await until(() => refusals().length > 0, 'a refusal');
    clearInterval(flood);
    expect(refusals()[0]).toContain('does not read what it is answered');
  });

  test('a node that is removed in the middle of its news is heard no further', async () => {
    const { tell, answers, ended } = telling();
    tell('{"gone":[],"running":[]}');
    await until(() => answers() !== '', 'the answer to the first');
    manager.history.publish({ ...web(1), nodes: web(1).nodes.filter(({ id }) => id !== 'w1') });
    tell('{"gone":["t1"],"running":[]}');
    await ended;
    expect(manager.heard).toHaveLength(1);
  });

  test('a node that was removed is not heard', async () => {
    manager.history.publish({ ...web(1), nodes: web(1).nodes.filter(({ id }) => id !== 'w1') });
    expect((await bring('{"gone":["t1"],"running":[]}')).status).toBe(403);
    expect(manager.heard).toEqual([]);
  });
});

describe('a rotation', () => {
  test('of the whole cluster’s authority drops no stream, and lets in who has the new one', async () => {
    const stream = secure();
    stream.write(`GET /v1/watch?epoch=${manager.history.epoch}&after=1 HTTP/1.1\r\nHost: relay\r\n\r\n`);
    await until(() => manager.server?.followers === 1, 'a follower');

    const next = new Authority();
    manager.server?.use(credentialsOf('m1', 'swarm-manager', { by: next }));
    const peer = credentialsOf('w1', 'swarm-worker', { by: next });

    expect((await ask({ path: '/v1/state', ca: next.certificate, ...asClient(peer) })).status).toBe(200);
    await closed(secure({ ...asClient(worker), ca: next.certificate }));
    expect(refusals()[0]).toContain('of another cluster');
    expect(manager.server?.followers).toBe(1);
  });

  test('in its middle, a node whose certificate comes by an intermediate is let in', async () => {
    const intermediate = new Authority('swarm-ca-new', authority);
    const { certificate, key } = credentialsOf('w1', 'swarm-worker', { by: intermediate });
    expect((await ask({ path: '/v1/state', cert: certificate + intermediate.certificate, key })).status).toBe(200);
  });
});
