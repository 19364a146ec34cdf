import { afterAll, beforeAll, describe } from '@jest/globals';
import { shell } from '../support/lab.js';
import { removeMesh } from '../support/mesh.js';
import { removeServices } from '../support/swarm.js';
import { walkThrough } from '../support/walk-through.js';

async function cleanUp(): Promise<void> {
  await removeServices('web');
  await removeMesh();
  await shell('h1', 'iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN');
}

describe('each command of docs/walk-through.md prints what the page shows', () => {
  beforeAll(cleanUp, 120_000);
  afterAll(cleanUp, 120_000);
  walkThrough('walk-through.md');
});
