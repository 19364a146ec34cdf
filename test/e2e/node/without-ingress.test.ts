import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, on, shell } from '../support/lab.js';
import { clientAddress, expectNothingToDo, nodeAddress, removeMesh, served, startMesh, status } from '../support/mesh.js';
import { createService, hostNames, removeServices, servicesWithin } from '../support/swarm.js';
import { ask, askByUdp, clients, servers } from '../support/traffic.js';

const h1 = on('h1');

beforeAll(async () => {
  // Docker asks before it removes the ingress network; the lab has no terminal to ask on.
  await shell('h1', 'echo y | docker network rm ingress >/dev/null');
  await eventually(async () => expect(await h1('docker', 'network', 'ls', '--format', '{{.Name}}')).not.toContain('ingress'));
  await h1('docker', 'network', 'create', '--driver', 'overlay', '--subnet', '10.50.0.0/24', 'backends');
  await createService('web', ['--network', 'backends', '--label', 'routemesh.publish=8080:80,8080:80/udp,9100-9102:9100-9102', '--env', 'PORT=80,9100-9102'], 2);
  await startMesh();
  await served({ 'tcp/8080': 2, 'tcp/9100': 2, 'tcp/9101': 2, 'tcp/9102': 2, 'udp/8080': 2 });
}, servicesWithin);

afterAll(async () => {
  await removeServices('web', 'lost');
  await removeMesh();
  await h1('docker', 'network', 'rm', 'backends');
  await h1('docker', 'network', 'create', '--driver', 'overlay', '--ingress', '--subnet', '10.0.0.0/24', 'ingress');
}, 120_000);

describe('a Swarm without its ingress network', () => {
  it('serves what a label publishes, and dockerd has no part in it', async () => {
    const answers = await ask('client', `http://${nodeAddress}:8080`, 4);
    expect(servers(answers)).toEqual(await hostNames('web'));
    expect(clients(answers)).toEqual([clientAddress]);
    expect(await shell('h1', 'iptables -t nat -S DOCKER-INGRESS 2>/dev/null | grep dport || true; nsenter --net=/run/docker/netns/ingress_sbox ipvsadm -Sn 2>/dev/null || true')).toBe('');
  }, 60_000);

  it('serves a range of ports, and UDP', async () => {
    for (const port of [9100, 9101, 9102]) expect(servers(await ask('client', `http://${nodeAddress}:${port}`, 2))).toEqual(await hostNames('web'));
    expect(clients(await askByUdp('client', nodeAddress, 8080, 2))).toEqual([clientAddress]);
  }, 60_000);

  it('holds each published port, so that no other program of the node takes it by mistake', async () => {
    const listening = await shell('h1', "ss -Hltnp | awk '{print $4, $6}' | grep -e ':8080 ' -e ':910[0-2] ' | sort");
    expect(listening.trim().split('\n').map((line) => line.replace(/,pid=.*/, ''))).toEqual(
      [8080, 9100, 9101, 9102].map((port) => `0.0.0.0:${port} users:(("node"`),
    );
  }, 30_000);

  it('tells a service whose tasks are on no overlay that it has no identity', async () => {
    await createService('lost', ['--label', 'routemesh.publish=8200:80']);
    await eventually(async () => expect((await status()).conditions.map(({ reason, object }) => [reason, object.name])).toEqual([['NoIdentityNetwork', 'lost']]));
    expect(servers(await ask('client', `http://${nodeAddress}:8080`, 2))).toHaveLength(2);
    await removeServices('lost');
  }, 120_000);

  it('leaves nothing to do', () => expectNothingToDo(), 30_000);
});
