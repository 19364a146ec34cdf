import { afterAll, beforeAll, describe } from '@jest/globals';
import { cable, nodes, removeEverywhere, removeMeshes, swarmReady } from '../support/cluster.js';
import { walkThrough } from '../support/walk-through.js';

async function cleanUp(): Promise<void> {
  for (const node of nodes) await cable(node, 'plug');
  await swarmReady(nodes.length);
  await removeEverywhere('web');
  await removeMeshes();
}

describe('each command of the three-node part of docs/walk-through.md prints what the page shows', () => {
  beforeAll(cleanUp, 240_000);
  afterAll(cleanUp, 240_000);
  walkThrough(3);
});
