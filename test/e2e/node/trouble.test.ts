import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, lab, on, shell } from '../support/lab.js';
import { expectNothingToDo, loseMesh, nodeAddress, removeMesh, served, startMesh, status, stopMesh } from '../support/mesh.js';
import { createService, hostNames, removeServices, servicesWithin, tasksRunning, updateService } from '../support/swarm.js';
import { ask, servers } from '../support/traffic.js';

const h1 = on('h1');
const webAnswers = async () => servers(await ask('client', `http://${nodeAddress}:8080`, 4));

beforeAll(() => createService('web', ['--publish', '8080:80'], 2), servicesWithin);
afterAll(async () => {
  await removeServices('web', 'stranger');
  await removeMesh();
}, 120_000);

describe('labels of a stranger', () => {
  const garbage: readonly (readonly [string, string, string])[] = [
    ['an iptables option', 'routemesh.scheduler', 'rr -j ACCEPT'],
    ['quotes and a command', 'routemesh.source-ip', `"; $(touch /tmp/owned) 'x`],
    ['a newline and a rule', 'routemesh.drain', '10s\n-A INPUT -j ACCEPT'],
    ['port 0', 'routemesh.publish', '0:80'],
    ['port 70000', 'routemesh.publish', '70000:80'],
    ['ten thousand characters', 'routemesh.affinity', 'x'.repeat(10_000)],
    ['a key that nobody knows', 'routemesh.shedule', 'rr'],
    ['a port that is none', 'routemesh.99999.scheduler', 'rr'],
    ['a feature that is not built', 'routemesh.allow', '10.0.0.0/8'],
  ];

  beforeAll(async () => {
    await startMesh();
    await createService('stranger', ['--publish', '8090:80', ...garbage.flatMap(([, key, value]) => ['--label', `${key}=${value}`])]);
    await served({ 'tcp/8080': 2, 'tcp/8090': 1 });
  }, servicesWithin);
  afterAll(() => removeServices('stranger'), 60_000);

  it.each(garbage)('with %s become a condition of their service', async (_name, key) => {
    const { conditions } = await status();
    const ours = conditions.filter(({ object, message }) => object.name === 'stranger' && message.includes(key));
    expect(ours).not.toEqual([]);
    for (const { reason, message } of ours) {
      expect(['BadPolicy', 'UnsupportedPolicy']).toContain(reason);
      expect(message.length).toBeLessThan(500);
      // eslint-disable-next-line no-control-regex
      expect(message).not.toMatch(/[\u0000-\u001f\u007f]/);
    }
  });

  it('take nothing from anybody: the service itself and the others are served', async () => {
    expect(await webAnswers()).toHaveLength(2);
    expect(servers(await ask('client', `http://${nodeAddress}:8090`))).toEqual(await hostNames('stranger'));
    expect(await shell('h1', 'ls /tmp/owned 2>/dev/null || true; iptables -S INPUT | grep -c -- "-j ACCEPT" || true')).toBe('0\n');
  }, 30_000);
});

describe('a port that is not to be taken', () => {
  it.each([
    ['ssh’s', '22:80', 'PortReserved'],
    ['Swarm’s', '2377:80', 'PortReserved'],
  ])('%s is refused with a condition', async (_name, publish, reason) => {
    await updateService('web', '--label-add', `routemesh.publish=${publish}`);
    await eventually(async () => expect((await status()).conditions.map((condition) => condition.reason)).toContain(reason));
    await updateService('web', '--label-rm', 'routemesh.publish');
    await eventually(async () => expect((await status()).conditions).toEqual([]));
    expect(await webAnswers()).toHaveLength(2);
  }, 120_000);
});

describe('routemesh.enabled=false', () => {
  it('leaves the port to dockerd, and takes it back when it is gone', async () => {
    await updateService('web', '--label-add', 'routemesh.enabled=false');
    await served({});
    expect(await webAnswers()).toHaveLength(2);
    await updateService('web', '--label-rm', 'routemesh.enabled');
    await served({ 'tcp/8080': 2 });
    await tasksRunning('web', 2);
    expect(await webAnswers()).toHaveLength(2);
  }, 180_000);
});

describe('Docker', () => {
  it('hanging is noticed; the mesh goes on, and follows again when it wakes', async () => {
    await shell('h1', 'kill -STOP $(cat /run/docker.pid)');
    await eventually(async () => expect((await status()).conditions.map(({ reason }) => reason)).toContain('SourceUnavailable'), 120_000);
    expect(await webAnswers()).toHaveLength(2);
    await shell('h1', 'kill -CONT $(cat /run/docker.pid)');
    await eventually(async () => expect((await status()).conditions).toEqual([]), 120_000);
  }, 300_000);

  it('hanging while the controller starts costs nothing: the node serves what it served before', async () => {
    await tasksRunning('web', 2);
    await shell('h1', 'kill -STOP $(cat /run/docker.pid)');
    try {
      // Only now: a Swarm that hung in the test before may still be replacing tasks.
      const before = await webAnswers();
      expect(before).not.toEqual([]);
      await stopMesh();
      await loseMesh();
      await startMesh();
      expect(await webAnswers()).toEqual(before);
    } finally {
      await shell('h1', 'kill -CONT $(cat /run/docker.pid)');
    }
    await eventually(async () => expect((await status()).conditions).toEqual([]), 120_000);
    await expectNothingToDo();
  }, 300_000);

  it('restarting takes its tasks with it: the ports come back by themselves as the tasks do', async () => {
    const before = await hostNames('web');
    await lab(['dockerd', 'h1', 'restart']);
    await tasksRunning('web', 2);
    await served({ 'tcp/8080': 2 });
    await eventually(async () => expect((await status()).conditions).toEqual([]), 120_000);
    expect(await webAnswers()).toEqual(await hostNames('web'));
    expect(await hostNames('web')).not.toEqual(before);
    expect(await h1('sh', '-c', 'iptables -t nat -S PREROUTING | grep LOCAL | head -1')).toContain('MESH-INGRESS');
    await expectNothingToDo();
  }, 300_000);
});
