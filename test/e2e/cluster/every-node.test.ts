import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addressOf, askEach, create, everywhere, nodes, offered, removeEverywhere, removeMeshes, routerOf, running, setUpWithin, startMeshes, urlOf } from '../support/cluster.js';
import { eventually, on, shell } from '../support/lab.js';
import { clientAddress, expectNothingToDo } from '../support/mesh.js';
import { updateService } from '../support/swarm.js';
import { ask, askByUdp, clients, servers } from '../support/traffic.js';

const notOnH3 = ['--mode', 'global', '--constraint', 'node.hostname!=h3'] as const;
const onH1AndH2 = { h1: 1, h2: 1, h3: 0 };
let web: string[];

beforeAll(async () => {
  web = await create('web', onH1AndH2, ...notOnH3, '--publish', '8080:80', '--publish', '8081:80/udp');
  await create('theirs', onH1AndH2, ...notOnH3, '--publish', '8180:80', '--label', 'routemesh.enabled=false');
  await create('one', { h1: 0, h2: 1, h3: 0 }, '--publish', '8090:80', '--constraint', 'node.hostname==h2');
  await startMeshes();
  await offered('tcp/8080', 2);
  await offered('tcp/8090', 1);
}, setUpWithin);

afterAll(async () => {
  await on('h1')('docker', 'node', 'update', '--availability', 'active', 'h2');
  await removeEverywhere('web', 'theirs', 'one');
  await removeMeshes();
}, 300_000);

describe('through each of three nodes', () => {
  it('every task answers and sees the client’s own address, where dockerd shows an address of its ingress', async () => {
    const ours = await askEach(8080, 6);
    expect(ours.map(servers)).toEqual(nodes.map(() => web));
    expect(ours.map(clients)).toEqual(nodes.map(() => [clientAddress]));
    const theirs = (await askEach(8180, 4)).flatMap(clients);
    expect(theirs).toHaveLength(3);
    expect(theirs.every((address) => address.startsWith('10.0.0.'))).toBe(true);
  }, 120_000);

  it('UDP reaches every task, which sees the client’s own address', async () => {
    const answers = await everywhere((node) => askByUdp('client', addressOf(node), 8081, 4));
    expect(answers.map(servers)).toEqual(nodes.map(() => web));
    expect(answers.map(clients)).toEqual(nodes.map(() => [clientAddress]));
  }, 60_000);

  it('a node reaches the tasks of others by its own address and by 127.0.0.1', async () => {
    expect(servers(await ask('h3', urlOf('h3', 8080), 4))).toEqual(web);
    expect(servers(await ask('h3', 'http://127.0.0.1:8080', 4))).toEqual(web);
  }, 60_000);

  it('one client port to all three nodes at once, scheduled to the same task: all three connections work', async () => {
    const output = await shell('client', `python3 - <<'P'
import socket
open_ones = []
for address in (${nodes.map((node) => `"${addressOf(node)}"`).join(', ')}):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("${clientAddress}", 5555))
    s.settimeout(5)
    s.connect((address, 8090))
    open_ones.append(s)
for s in open_ones:
    s.sendall(b"GET /who HTTP/1.0\\r\\n\\r\\n")
for s in open_ones:
    print(s.recv(4096).decode().strip().split("\\n")[-1])
P`);
    const answers = output.trim().split('\n');
    expect(answers).toHaveLength(3);
    expect(answers.every((line) => line.includes(` sees ${clientAddress}:`))).toBe(true);
  }, 60_000);

  it('a large answer and a large upload arrive whole over the smaller packets between nodes', async () => {
    const size = 3_000_000;
    const sizes = await everywhere((node) => shell('client', `curl -sS --fail --max-time 60 '${urlOf(node, 8090)}/bytes?n=${size}' | wc -c; head -c ${size} /dev/zero | curl -sS --fail --max-time 60 --data-binary @- ${urlOf(node, 8090)}/upload`));
    for (const output of sizes) expect(output.match(/\d+/g)?.map(Number)).toEqual(expect.arrayContaining([size]));
  }, 120_000);

  it('source-ip=snat shows the router address of the node that took the connection', async () => {
    await updateService('web', '--label-add', 'routemesh.source-ip=snat');
    await eventually(async () => {
      expect((await askEach(8080, 2)).map(clients)).toEqual(nodes.map((node) => [routerOf(node)]));
    });
    await updateService('web', '--label-rm', 'routemesh.source-ip');
    await eventually(async () => {
      expect((await askEach(8080, 2)).map(clients)).toEqual(nodes.map(() => [clientAddress]));
    });
  }, 180_000);

  it('a drained node goes on taking connections for the tasks of others', async () => {
    await on('h1')('docker', 'node', 'update', '--availability', 'drain', 'h2');
    const left = await running('web', { h1: 1, h2: 0, h3: 0 });
    await offered('tcp/8080', 1);
    expect((await askEach(8080, 3)).map(servers)).toEqual(nodes.map(() => left));
    await on('h1')('docker', 'node', 'update', '--availability', 'active', 'h2');
    web = await running('web', onH1AndH2);
    await offered('tcp/8080', 2);
    expect((await askEach(8080, 4)).map(servers)).toEqual(nodes.map(() => web));
  }, 600_000);

  it('nothing is left to do on any node', () => everywhere((node) => expectNothingToDo(node)), 120_000);
});
