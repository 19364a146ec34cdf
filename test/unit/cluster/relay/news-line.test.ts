import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { NewsLine } from '../../../../src/cluster/relay/relay-client.js';
import { credentialsOf, until } from './cluster.js';

/** More than the sockets of both sides hold. */
const longNews = { gone: Array.from({ length: 400_000 }, (_, index) => `task${index}xxxxxxxxxxxxxxxx`), running: [] };

test('an answer that comes before the news were sent to their end leaves the line open: the next need no handshake', async () => {
  const { certificate: cert, key } = credentialsOf('m1', 'swarm-manager');
  const requests: IncomingMessage[] = [];
  const server = createServer({ cert, key, keepAliveTimeout: 60_000 }, (request, response) => {
    requests.push(request);
    response.writeHead(204).end();
    // Only then is the rest of the news read.
    response.once('finish', () => setImmediate(() => request.resume()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const line = new NewsLine({ nodeId: 'm1', host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  const worker = credentialsOf('w1', 'swarm-worker');
  const never = new AbortController().signal;
  try {
    await line.tell(worker, longNews, 20_000, never);
    const [first] = requests as [IncomingMessage];
    await until(() => first.complete || first.socket.destroyed, 'the end of the news');
    await line.tell(worker, { gone: [], running: [] }, 20_000, never);

    expect(requests.map(({ socket }) => socket === first.socket)).toEqual([true, true]);
  } finally {
    line.close();
    server.closeAllConnections();
    server.close();
  }
});
