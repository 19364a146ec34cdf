import { afterAll, beforeAll, describe } from '@jest/globals';
import { cable, removeEverywhere, removeMeshes, swarmReady } from '../support/cluster.js';
import { walkThrough } from '../support/walk-through.js';

async function cleanUp(): Promise<void> {
  await cable('h3', 'plug');
  await swarmReady(3);
  await removeEverywhere('web');
  await removeMeshes();
}

describe('each command of docs/walk-through-nodes.md prints what the page shows', () => {
  beforeAll(cleanUp, 300_000);
  afterAll(cleanUp, 300_000);
  walkThrough('walk-through-nodes.md');
});
