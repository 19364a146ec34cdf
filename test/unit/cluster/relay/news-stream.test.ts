import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { NewsStream } from '../../../../src/cluster/relay/news-stream.js';
import type { News } from '../../../../src/cluster/relay/protocol.js';
import { credentialsOf, until } from './cluster.js';

const newsOf = (...running: string[]): News => ({ gone: [], running });

let server: Server;
let stream: NewsStream;
/** What the manager was told, and how it answers. */
let told: string;
let requests: { readonly request: IncomingMessage; readonly response: ServerResponse }[];
let heard: News[];
let broken: Error[];

beforeEach(async () => {
  [told, requests, heard, broken] = ['', [], [], []];
  const { certificate: cert, key } = credentialsOf('m1', 'swarm-manager');
  server = createServer({ cert, key }, (request, response) => {
    requests.push({ request, response });
    request.on('data', (piece: Buffer) => { told += piece.toString(); });
    request.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stream = streamOf(5_000);
});
afterEach(() => {
  stream.close();
  server.closeAllConnections();
  server.close();
});

function streamOf(patience: number): NewsStream {
  return new NewsStream({
    manager: { nodeId: 'm1', host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    credentials: credentialsOf('w1', 'swarm-worker'),
    patience,
    onHeard: (news) => { heard.push(news); },
    onBroken: (error) => { broken.push(error); },
  });
}

const lines = () => told.split('\n').slice(0, -1);

test('news follow each other on one request, and none waits for the answer to the one before', async () => {
  stream.tell(newsOf('t1'));
  stream.tell(newsOf('t1', 't2'));
  await until(() => lines().length === 2, 'both, unanswered');
  expect(heard).toEqual([]);
  requests[0]?.response.write('{"heard":1}\n{"hea');
  await until(() => heard.length === 1, 'the first answer');
  stream.tell(newsOf());
  requests[0]?.response.write('rd":2}\n');
  await until(() => lines().length === 3 && heard.length === 2, 'the third, and the second answer');
  expect(lines().map((line) => JSON.parse(line) as unknown)).toEqual([newsOf('t1'), newsOf('t1', 't2'), newsOf()]);
  expect(heard).toEqual([newsOf('t1'), newsOf('t1', 't2')]);
  expect(requests).toHaveLength(1);
});

test('a manager that is slow to answer is not buried in what has been overtaken', async () => {
  const taken = Array.from({ length: 6 }, (_, number) => stream.tell(newsOf(`t${number}`)));
  expect(taken).toEqual([true, true, true, true, false, false]);
  await until(() => lines().length === 4, 'what is under way');
  requests[0]?.response.write('{"heard":1}\n');
  await until(() => heard.length === 1, 'an answer');
  expect(stream.tell(newsOf('t5'))).toBe(true);
});

test('a manager that hears nothing any more is given up, one that has nothing to hear is not', async () => {
  stream.close();
  stream = streamOf(300);
  stream.tell(newsOf('t1'));
  await until(() => lines().length === 1, 'the news');
  requests[0]?.response.write('{"heard":1}\n');
  await until(() => heard.length === 1, 'the answer');
  await new Promise((resolve) => { setTimeout(resolve, 900); });
  expect(broken).toEqual([]);
  stream.tell(newsOf());
  await until(() => broken.length === 1, 'the end');
  expect(broken[0]?.message).toContain('manager m1');
  expect(broken[0]?.message).toContain('was silent for 0.3 s');
});

test.each<[string, string, string]>([
  ['what is no answer', 'hello\n', 'is not JSON'],
  ['an answer to what was not told', '{"heard":1}\n{"heard":2}\n', 'has heard what was not told'],
  ['answers in another order', '{"heard":2}\n', 'has heard what was not told'],
  ['a line without an end', 'x'.repeat(1_000), 'at most 100 bytes'],
])('a manager that sends %s is left', async (_, answer, reason) => {
  stream.tell(newsOf('t1'));
  await until(() => requests.length === 1, 'the request');
  requests[0]?.response.write(answer);
  await until(() => broken.length === 1, 'the end');
  expect(broken[0]?.message).toContain(reason);
  await until(() => requests[0]?.request.destroyed === true, 'the end of its connection');
});

test('a manager that ends the stream, or refuses it, is told of once', async () => {
  stream.tell(newsOf('t1'));
  await until(() => requests.length === 1, 'the request');
  requests[0]?.response.writeHead(403).end();
  await until(() => broken.length === 1, 'the end');
  expect(broken[0]?.message).toContain('it answered 403');
});
