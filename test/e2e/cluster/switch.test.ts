import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { create, nodes, offered, removeEverywhere, removeMeshes, setUpWithin, startMeshes, urlOf } from '../support/cluster.js';
import { attempt, eventually, on } from '../support/lab.js';
import { load, losses, nothingLost } from '../support/load.js';
import { status } from '../support/mesh.js';
import { ask, clients } from '../support/traffic.js';

/** Its only tasks are on h2 and h3: what comes to h1 travels through another node's fabric. */
beforeAll(async () => {
  await create('web', { h1: 0, h2: 1, h3: 1 }, '--mode', 'global', '--constraint', 'node.role==worker', '--publish', '8080:80');
  await startMeshes();
  await offered('tcp/8080', 2);
}, setUpWithin);

afterAll(async () => {
  await removeEverywhere('web');
  await removeMeshes();
}, 240_000);

/** Who answers on every node, by what the task sees: our mesh shows the client, dockerd's an address of its own. */
async function everyNodeShows(client: RegExp): Promise<void> {
  for (const node of nodes) await eventually(async () => expect(clients(await ask('client', urlOf(node, 8080), 2)).every((address) => client.test(address))).toBe(true));
}

it('a service moves to dockerd and back on all nodes under load, and neither a connection nor a stream is lost', async () => {
  const streams = await load('streams', { urls: [urlOf('h1', 8080)], parallel: 0, pause: 0, streams: 3, streamSeconds: 600 });
  const running = await load('switch', { urls: nodes.map((node) => urlOf(node, 8080)), parallel: 3, pause: 100, streams: 0, timeout: 20_000 });
  for (const mesh of ['dockerd', 'routemesh', 'dockerd', 'routemesh'] as const) {
    await on('h1')('routemesh', 'switch', 'web', mesh);
    await everyNodeShows(mesh === 'dockerd' ? /^10\.0\.0\./ : /^192\.168\.56\.100$/);
    // The drain of a node that has no connections of its own would have come to its end by now.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
  }
  const [requests, streamed] = [await running.finish(), await streams.finish()];
  console.info(`switched on three nodes: ${JSON.stringify(losses(requests))} of ${requests.requests.ok} requests, ${JSON.stringify(losses(streamed))} of ${streamed.streams.opened} streams`);
  expect(requests.requests.ok).toBeGreaterThan(50);
  expect({ ...losses(requests), failures: requests.failures }).toEqual({ ...nothingLost, failures: [] });
  expect({ ...losses(streamed), failures: streamed.failures }).toEqual({ ...nothingLost, failures: [] });
  expect(streamed.streams.opened).toBe(3);
}, 300_000);

it('a worker says on which manager the command has to be run', async () => {
  const { code, stderr } = await attempt(['exec', 'h2', 'routemesh', 'switch', 'web', 'dockerd']);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Run the command on h1 (192.168.56.11)') });
  expect((await status('h2')).ports.some(({ accepting, published }) => accepting && published === 8080)).toBe(true);
}, 60_000);
