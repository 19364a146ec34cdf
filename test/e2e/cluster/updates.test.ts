import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { containersOf, nodes, offered, oneOnEach, removeEverywhere, removeMeshes, setUpWithin, startMeshes, swarmReady } from '../support/cluster.js';
import { eventually, on } from '../support/lab.js';
import { losses, type LoadReport } from '../support/load.js';
import { updateCompleted, updateService } from '../support/swarm.js';
import { both, bothUnderLoad, createBoth, ours, theirs } from '../support/two-meshes.js';

const manager = on('h1');
/** Short requests, slow ones and streams, through every node. */
const through = (work: () => Promise<unknown>) => bothUnderLoad(nodes, work, { streamSeconds: 5 });

beforeAll(async () => {
  // A well-behaved server: told to stop, it goes on accepting for a moment and finishes what it has begun.
  await createBoth(oneOnEach, '--replicas', '3', '--replicas-max-per-node', '2', '--env', 'GRACE_MS=2000', '--env', 'DRAIN_MS=8000', '--stop-grace-period', '30s', '--update-delay', '1s', '--update-monitor', '1s');
  await startMeshes();
  await offered('tcp/8080', 3);
}, setUpWithin);

afterAll(async () => {
  await manager('docker', 'node', 'update', '--availability', 'active', 'h3');
  await swarmReady(3);
  await removeEverywhere(ours.name, theirs.name);
  await removeMeshes();
}, 300_000);

function expectNothingThatDockerdKeeps([our, their]: readonly [LoadReport, LoadReport]): void {
  expect(our.requests.ok).toBeGreaterThan(50);
  const [lost, alsoLost] = [losses(our), losses(their)];
  for (const what of ['failedRequests', 'cutStreams', 'failedStreams'] as const) expect({ [what]: Math.max(0, lost[what] - alsoLost[what]) }).toEqual({ [what]: 0 });
}

/** Waits until both services run so many containers in all, and nothing else. */
async function settled(count: number): Promise<void> {
  await both((name) => eventually(async () => {
    const found = Object.values(await containersOf(name)).flat();
    if (found.length !== count) throw new Error(`${name} runs ${found.length} containers, expected ${count}`);
  }, 180_000));
}

describe('under load through all nodes, no connection is lost that dockerd keeps', () => {
  it.each([
    ['by a rolling update, the new task first', 'start-first'],
    ['by a rolling update, the old task first', 'stop-first'],
  ])('%s', async (_name, order) => {
    expectNothingThatDockerdKeeps(await through(async () => {
      await both((name) => updateService(name, '--update-order', order, '--force'));
      await both(updateCompleted);
      await settled(3);
    }));
  }, 400_000);

  it('by scaling down and up again', async () => {
    expectNothingThatDockerdKeeps(await through(async () => {
      const scale = (count: number) => both((name) => manager('docker', 'service', 'scale', '--detach', `${name}=${count}`));
      await scale(1);
      await settled(1);
      await scale(4);
      await settled(4);
      await offered('tcp/8080', 4);
    }));
  }, 400_000);

  it('by draining a node and spreading the tasks again by force', async () => {
    expectNothingThatDockerdKeeps(await through(async () => {
      await manager('docker', 'node', 'update', '--availability', 'drain', 'h3');
      await eventually(async () => expect(Object.values(await containersOf(ours.name, ['h3'])).flat()).toEqual([]), 120_000);
      await settled(4);
      await manager('docker', 'node', 'update', '--availability', 'active', 'h3');
      await both((name) => updateService(name, '--update-order', 'start-first', '--force'));
      await both(updateCompleted);
      await settled(4);
    }));
  }, 600_000);
});
