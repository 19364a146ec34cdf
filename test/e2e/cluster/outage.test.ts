import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { addressOf, askEach, cable, containersOf, create, everywhere, nodes, offered, oneOnEach, removeEverywhere, removeMeshes, running, setUpWithin, startWebEverywhere, swarmReady, urlOf, weightsOf } from '../support/cluster.js';
import { attempt, eventually, lab, on, shell } from '../support/lab.js';
import { losses, nothingLost, underLoad } from '../support/load.js';
import { expectNothingToDo, loseMesh, removeMesh, startMesh, status } from '../support/mesh.js';
import { tasksWithin } from '../support/swarm.js';
import { ask, servers } from '../support/traffic.js';

let web: string[];

/** What keeps h3 from a manager's relay. */
const relayFromH3 = 'INPUT -p tcp --dport 4798 -s 192.168.56.13 -j DROP';

beforeAll(async () => {
  web = await startWebEverywhere();
}, setUpWithin);

afterAll(async () => {
  await shell('h1', 'pkill -CONT dockerd || true');
  await swarmReady(3);
  await attempt(['power', 'h4', 'kill']);
  await removeEverywhere('web', 'later');
  await removeMeshes();
}, 300_000);

/** Whatever a test before it left broken is mended first: what it finds is its own. */
beforeEach(async () => {
  await everywhere(async (node) => {
    await shell(node, `pkill -CONT dockerd; iptables -D ${relayFromH3} 2>/dev/null || true`);
    await cable(node, 'plug');
    await startMesh(node);
  });
  await swarmReady(3);
  await agreed();
}, setUpWithin);

/** Load through the three nodes while some work goes on. */
const through = (id: string, work: () => Promise<unknown>) =>
  underLoad(id, { urls: nodes.map((node) => urlOf(node, 8080)), parallel: 2, pause: 100, streams: 1, timeout: 10_000 }, work);

const everyNodeServes = async () => {
  expect((await askEach(8080, 6)).map(servers)).toEqual(nodes.map(() => web));
};

/** Waits until every node serves the tasks that run by now: Swarm may replace some after what a test did to it. */
const agreed = () => eventually(async () => {
  web = await running('web', oneOnEach);
  await everyNodeServes();
}, tasksWithin + 120_000);

describe('without any manager', () => {
  it('whose controller is killed, traffic goes on, and a worker that restarts meanwhile still programs its node', async () => {
    const report = await through('controllers', async () => {
      await lab(['mesh', 'h1', 'kill']);
      await eventually(async () => expect((await status('h3')).source.available).toBe(false));
      await lab(['mesh', 'h3', 'kill']);
      await startMesh('h3');
    });
    expect({ ...losses(report), failures: report.failures }).toEqual({ ...nothingLost, failures: [] });

    await lab(['mesh', 'h3', 'kill']);
    await loseMesh('h3');
    await startMesh('h3');
    await eventually(() => everyNodeServes());
    await startMesh('h1');
    await everywhere((node) => eventually(async () => expect((await status(node)).source.available).toBe(true)));
    await everyNodeServes();
  }, 240_000);

  it('whose dockerd hangs, traffic goes on, and a worker that restarts meanwhile still programs its node', async () => {
    await shell('h1', 'pkill -STOP dockerd');
    try {
      await lab(['mesh', 'h3', 'kill']);
      await startMesh('h3');
      await everyNodeServes();
    } finally {
      await shell('h1', 'pkill -CONT dockerd');
    }
    await swarmReady(3);
    await everywhere((node) => eventually(async () => {
      const { source, conditions } = await status(node);
      expect({ available: source.available, conditions }).toEqual({ available: true, conditions: [] });
    }));
    // By now Swarm has called the tasks dead and starts others.
    await agreed();
    await everywhere((node) => eventually(() => expectNothingToDo(node)));
  }, 300_000);
});

describe('a worker whose own Docker hangs while its controller starts', () => {
  it('is programmed all the same, also when Swarm has called it down', async () => {
    const elsewhere = Object.values(await containersOf('web', ['h1', 'h3'])).flat().sort();
    await lab(['mesh', 'h2', 'stop']);
    await loseMesh('h2');
    await shell('h2', 'pkill -STOP dockerd');
    try {
      await startMesh('h2');
      // The node's own task answers until Swarm has noticed.
      expect(web).toEqual(expect.arrayContaining(servers(await ask('client', urlOf('h2', 8080), 6))));
      await eventually(async () => expect((await weightsOf('tcp/8080', 'h2')).length).toBe(2));
      expect(servers(await ask('client', urlOf('h2', 8080), 6))).toEqual(elsewhere);
    } finally {
      await shell('h2', 'pkill -CONT dockerd');
    }
    await swarmReady(3);
    await eventually(async () => expect((await status('h2')).conditions).toEqual([]));
    await agreed();
  }, 300_000);
});

describe('a worker whose relay is cut while services change', () => {
  it('has caught up when it is back, and nothing stale is left on any node', async () => {
    const block = (action: '-I' | '-D') => shell('h1', `iptables ${action} ${relayFromH3}`);
    await block('-I');
    await create('later', oneOnEach, '--mode', 'global', '--publish', '8090:80');
    await offered('tcp/8090', 3, ['h1', 'h2']);
    await on('h1')('docker', 'service', 'update', '--detach', '--no-resolve-image', '--force', 'web');
    await eventually(async () => expect((await status('h3')).source.available).toBe(false));
    expect(await weightsOf('tcp/8090', 'h3')).toEqual([]);
    await block('-D');
    await offered('tcp/8090', 3);
    await agreed();
    await on('h1')('docker', 'service', 'rm', 'later');
    await eventually(async () => { for (const node of nodes) expect((await status(node)).ports.filter(({ published }) => published === 8090)).toEqual([]); }, 120_000);
    await everywhere((node) => eventually(() => expectNothingToDo(node)));
  }, 400_000);
});

describe('a partition that heals', () => {
  it('both sides serve what they have, and all agree again within seconds', async () => {
    await cable('h2', 'cut');
    await everywhere((node) => eventually(async () => expect((await status(node)).peers.find(({ name }) => name === 'h2')?.state).toBe('dead')), ['h1', 'h3']);
    expect((await askEach(8080, 6, ['h1', 'h3'])).map((answers) => servers(answers).length)).toEqual([2, 2]);
    expect(servers(await ask('h2', 'http://127.0.0.1:8080', 3))).toHaveLength(1);
    await cable('h2', 'plug');
    await swarmReady(3);
    await agreed();
    await everywhere((node) => eventually(() => expectNothingToDo(node)));
  }, 300_000);
});

describe('a worker that is promoted, and demoted again', () => {
  it('serves the relay while it is a manager, and the others follow it when the first one’s controller is gone', async () => {
    await on('h1')('docker', 'node', 'promote', 'h2');
    await eventually(async () => expect((await status('h2')).source.description).toMatch(/^manager/));
    await lab(['mesh', 'h1', 'kill']);
    await eventually(async () => {
      const { source } = await status('h3');
      expect(source.available).toBe(true);
      expect(source.description).toContain('192.168.56.12:');
    });
    await startMesh('h1');
    await on('h1')('docker', 'node', 'demote', 'h2');
    await eventually(async () => {
      const { source } = await status('h2');
      expect(source.available).toBe(true);
      expect(source.description).toMatch(/^worker/);
    });
    await eventually(() => everyNodeServes());
  }, 300_000);
});

/** Takes a node out of the mesh and of the Swarm. */
async function leave(node: string): Promise<void> {
  await removeMesh(node);
  await on(node)('docker', 'swarm', 'leave');
  await eventually(async () => { await on('h1')('docker', 'node', 'rm', '--force', node); });
}

describe('a node that leaves, and one that joins', () => {
  it('the mesh goes on without the one and serves through the other', async () => {
    await attempt(['power', 'h4', 'kill']);
    await lab(['power', 'h4', 'boot']);
    // What it was a node of before, in another test.
    await attempt(['exec', 'h4', 'docker', 'swarm', 'leave', '--force']);
    const token = (await on('h1')('docker', 'swarm', 'join-token', '-q', 'worker')).trim();
    await on('h4')('docker', 'swarm', 'join', '--token', token, '--advertise-addr', addressOf('h4'), `${addressOf('h1')}:2377`);
    const report = await through('joining', async () => {
      await startMesh('h4');
      await eventually(async () => {
        const found = Object.values(await containersOf('web')).flat().sort();
        expect((await askEach(8080, 6, ['h4'])).map(servers)).toEqual([found]);
      });
      await everywhere((node) => eventually(() => expectNothingToDo(node)));
      await leave('h4');
      await everywhere((node) => eventually(async () => expect((await status(node)).peers.map(({ name }) => name)).not.toContain('h4')));
    });
    expect({ ...losses(report), failures: report.failures }).toEqual({ ...nothingLost, failures: [] });
    await everywhere((node) => expectNothingToDo(node));
  }, 300_000);
});
