import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { urlOf } from '../support/cluster.js';
import { lab, on, shell } from '../support/lab.js';
import { losses, nothingLost, underLoad } from '../support/load.js';
import { removeMesh, served, startMesh, stopMesh } from '../support/mesh.js';
import { createService, removeServices, servicesWithin, tasksRunning, updateCompleted, updateService } from '../support/swarm.js';
import { both, bothUnderLoad, ours, theirs } from '../support/two-meshes.js';

const heavy = { parallel: 4, pause: 50, streams: 3 } as const;

beforeAll(async () => {
  // A well-behaved server: told to stop, it goes on accepting for a moment and finishes what it has begun.
  const polite = ['--env', 'GRACE_MS=2000', '--env', 'DRAIN_MS=70000', '--stop-grace-period', '80s', '--update-order', 'start-first', '--update-delay', '1s'];
  await createService(ours.name, ['--publish', '8080:80', ...polite], 2);
  await createService(theirs.name, ['--publish', '8180:80', '--label', 'routemesh.enabled=false', ...polite], 2);
  await startMesh();
  await served({ 'tcp/8080': 2 });
}, servicesWithin);

afterAll(async () => {
  await removeServices(ours.name, theirs.name);
  await removeMesh();
}, 240_000);

describe('under load, beside dockerd’s ingress', () => {
  it.each([
    ['a rolling update', () => both((name) => updateService(name, '--force')).then(() => both(updateCompleted)), 2],
    ['a scale down', () => both((name) => on('h1')('docker', 'service', 'scale', '--detach', `${name}=1`)), 1],
  ])('%s loses no connection that dockerd keeps', async (_name, change, replicas) => {
    const [our, their] = await bothUnderLoad(['h1'], async () => {
      await change();
      await both((name) => tasksRunning(name, replicas));
    }, heavy);
    expect(our.requests.ok).toBeGreaterThan(20);
    expect(our.requests.failed).toBeLessThanOrEqual(their.requests.failed);
    expect(our.streams.cut).toBeLessThanOrEqual(their.streams.cut);
    expect(our.streams.failed).toBeLessThanOrEqual(their.streams.failed);
  }, servicesWithin);
});

it('the controller goes before what makes a node busy: late news costs connections', async () => {
  expect((await shell('h1', 'ps -o ni= -p $(cat /run/lab/mesh.pid)')).trim()).toBe('-10');
});

describe('under load, what happens to the controller', () => {
  beforeAll(async () => {
    await on('h1')('docker', 'service', 'scale', '--detach', `${ours.name}=2`);
    await tasksRunning(ours.name, 2);
    await served({ 'tcp/8080': 2 });
  }, 200_000);

  it.each([
    ['a kill -9 and a restart', () => lab(['mesh', 'h1', 'kill']).then(() => startMesh())],
    ['an upgrade (stop, start)', () => stopMesh().then(() => startMesh())],
  ])('%s loses nothing at all', async (_name, change) => {
    const report = await underLoad(ours.name, { urls: [urlOf('h1', ours.port)], ...heavy }, async () => {
      await change();
      await served({ 'tcp/8080': 2 });
    });
    expect(report.requests.ok).toBeGreaterThan(20);
    expect({ ...losses(report), failures: report.failures }).toEqual({ ...nothingLost, failures: [] });
  }, 200_000);
});
