import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, shell } from '../support/lab.js';
import { expectNothingToDo, nodeAddress, realServers, removeMesh, served, startMesh } from '../support/mesh.js';
import { createService, hostNames, removeServices, servicesWithin, tasksRunning, updateCompleted, updateService } from '../support/swarm.js';
import { ask, askByUdp, servers } from '../support/traffic.js';

const url = (port: number) => `http://${nodeAddress}:${port}`;

beforeAll(() => startMesh(), 120_000);
afterEach(() => expectNothingToDo());
afterAll(() => removeMesh(), 60_000);

describe('a service that changes', () => {
  // An update that replaces all tasks at once is over soonest, and takes from the mesh all that it had.
  beforeAll(() => createService('web', ['--publish', '8080:80', '--env', 'PORT=80,81', '--update-parallelism', '0', '--update-monitor', '1s'], 2), servicesWithin);

  it.each([4, 1, 0, 2])('scaled to %i is served by exactly its tasks', async (replicas) => {
    await shell('h1', `docker service scale --detach web=${replicas} >/dev/null`);
    await tasksRunning('web', replicas);
    await served({ 'tcp/8080': replicas });
    if (replicas > 0) {
      const names = await hostNames('web');
      expect(servers(await ask('client', url(8080), 2 * replicas))).toEqual(names);
    } else {
      await expect(ask('client', url(8080))).rejects.toThrow();
    }
    await eventually(async () => expect(await realServers()).toHaveLength(replicas));
  }, servicesWithin);

  it('answers a port that is added, and not one that is removed', async () => {
    await updateService('web', '--publish-add', '8081:81', '--publish-add', '8080:80/udp');
    await updateCompleted('web');
    await served({ 'tcp/8080': 2, 'tcp/8081': 2, 'udp/8080': 2 });
    expect(servers(await ask('client', url(8081), 4))).toHaveLength(2);
    expect(servers(await askByUdp('client', nodeAddress, 8080, 4))).toHaveLength(2);

    await updateService('web', '--publish-rm', '80/tcp');
    await updateCompleted('web');
    await served({ 'tcp/8081': 2, 'udp/8080': 2 });
    await expect(ask('client', url(8080))).rejects.toThrow();
    expect(servers(await ask('client', url(8081), 4))).toHaveLength(2);
    await tasksRunning('web', 2);
  }, servicesWithin);

  it('stands beside a second one without mixing their tasks', async () => {
    await createService('other', ['--publish', '9000:9000', '--env', 'PORT=9000'], 1);
    await served({ 'tcp/8081': 2, 'udp/8080': 2, 'tcp/9000': 1 });
    expect(servers(await ask('client', url(9000), 4))).toEqual(await hostNames('other'));
    expect(servers(await ask('client', url(8081), 4))).toEqual(await hostNames('web'));
  }, servicesWithin);

  it('leaves nothing behind when it is removed', async () => {
    await removeServices('web', 'other');
    await served({});
    await eventually(async () => expect(await realServers()).toEqual([]));
    await expectNothingToDo();
    const left = await shell('h1', "ip netns exec mesh_fabric ip -o link | grep -c task- || true; ip netns exec mesh_sbox ip route | grep -c '^10\\.' || true; iptables -t nat -S MESH-INGRESS | grep -c DNAT || true");
    expect(left.trim().split('\n')).toEqual(['0', '0', '0']);
  }, 120_000);
});
