import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { create, nodes, offered, removeEverywhere, removeMeshes, setUpWithin, startMeshes, urlOf } from '../support/cluster.js';
import { clientAddress, realServers } from '../support/mesh.js';
import { follow, request } from '../support/trace-live.js';

beforeAll(async () => {
  await create('web', { h2: 1 }, '--replicas', '1', '--constraint', 'node.hostname==h2', '--publish', '8080:80');
  await startMeshes();
  await offered('tcp/8080', 1);
}, setUpWithin);

afterAll(async () => {
  await removeEverywhere('web');
  await removeMeshes(nodes);
}, 240_000);

describe('a connection to another node’s task', () => {
  it('is followed on the client’s node up to the tunnel', async () => {
    const [server] = await realServers();
    const { summary } = await follow('h1', request(`${urlOf('h1', 8080)}/slow?ms=500`));
    expect(summary).toMatchObject({ places: ['host', 'mesh_sbox', 'mesh_fabric'], realServer: `${server?.address}:80`, task: 'web.1', ending: 'closed', loss: null });
  }, 60_000);

  it('is followed on the task’s node from there on, by its peer’s zone', async () => {
    const { summary, moments } = await follow('h2', request(`${urlOf('h1', 8080)}/slow?ms=500`));
    expect(summary).toMatchObject({ places: ['mesh_fabric', 'web.1'], peer: 'h1', node: null, task: 'web.1', ending: 'closed', loss: null });
    // The low 16 bits of h1's router address, 100.104.56.11.
    expect(moments[0]).toMatchObject({ type: 'appeared', place: 'fabric', entry: { there: { source: clientAddress, zone: 56 * 256 + 11 }, mark: 56 * 256 + 11 } });
  }, 60_000);
});
