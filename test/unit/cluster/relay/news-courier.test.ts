import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Credentials } from '../../../../src/cluster/relay/certificates.js';
import { NewsCourier } from '../../../../src/cluster/relay/news-courier.js';
import { noNews } from '../../../../src/cluster/relay/protocol.js';
import { credentialsOf, KeptLog, TestManager, until } from './cluster.js';
import { web } from './states.js';

let managers: readonly TestManager[];
/** Those that the node knows of. */
let told: readonly TestManager[];
let courier: NewsCourier;
let credentials: Credentials;

beforeEach(async () => {
  managers = [new TestManager('m1'), new TestManager('m2')];
  told = managers;
  credentials = credentialsOf('w1', 'swarm-worker');
  await Promise.all(managers.map((manager) => manager.start()));
  for (const { history } of managers) history.publish(web(2));
  courier = courierThatIsIdleFor(600_000);
});
afterEach(async () => {
  courier.close();
  await Promise.all(managers.map((manager) => manager.stop()));
});

function courierThatIsIdleFor(idle: number): NewsCourier {
  return new NewsCourier({ managers: () => told.map(({ address }) => address), credentials: () => credentials, logger: new KeptLog(), intervals: { repeat: 50, idle, patience: 5_000 } });
}

const died = { gone: ['t1'], running: [] };

test('every manager hears it, of a node that has proved who it is', async () => {
  courier.bring(died);
  for (const manager of managers) {
    await until(() => manager.heard.length > 0, 'the news');
    expect(manager.heard[0]).toEqual(['w1', died]);
  }
});

test('it is repeated for as long as it is to be said, and taken back once', async () => {
  const [manager] = managers as [TestManager];
  courier.bring(died);
  await until(() => manager.heard.length > 2, 'repetitions');
  courier.bring(noNews);
  await until(() => manager.heard.some(([, { gone }]) => gone.length === 0), 'the end');
  const { length } = manager.heard;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(manager.heard).toHaveLength(length);
});

test('a manager that is away hears it when it is back, and holds up nobody else', async () => {
  const [first, second] = managers as [TestManager, TestManager];
  await first.stop();
  courier.bring(died);
  await until(() => second.heard.length > 0, 'the news at the other');
  await first.start();
  first.history.publish(web(2));
  await until(() => first.heard.length > 0, 'the news at the one that was away');
});

test('who is no manager any more is told nothing more', async () => {
  const [first, second] = managers as [TestManager, TestManager];
  courier.bring(died);
  await until(() => second.heard.length > 0, 'the news');
  told = [first];
  courier.bring({ gone: ['t1', 't2'], running: [] });
  await until(() => first.heard.some(([, { gone }]) => gone.length === 2), 'the next news at the other');
  const { length } = second.heard;
  await until(() => first.heard.length > 5, 'repetitions at the other');
  expect(second.heard.length).toBeLessThanOrEqual(length + 1);
});

test('where there is nothing to say a line is kept open all the same, so that news need no handshake', async () => {
  const [manager] = managers as [TestManager];
  told = [manager];
  const connections = new Set<unknown>();
  const onRequest = (message: unknown): void => void connections.add((message as { socket: unknown }).socket);
  subscribe('http.server.request.start', onRequest);
  try {
    courier = courierThatIsIdleFor(50);
    courier.meetManagers();
    await until(() => manager.heard.length > 2, 'signs of life');
    expect(manager.heard.every(([, { gone, running }]) => gone.length + running.length === 0)).toBe(true);
    courier.bring(died);
    await until(() => manager.heard.some(([, { gone }]) => gone.length === 1), 'the news');
    expect(connections.size).toBe(1);
  } finally {
    unsubscribe('http.server.request.start', onRequest);
  }
});

test('a node that has a new certificate tells its news with that, and a broken line is opened again', async () => {
  const [manager] = managers as [TestManager];
  courier = courierThatIsIdleFor(50);
  courier.meetManagers();
  await until(() => manager.heard.length > 0, 'the line');
  credentials = credentialsOf('w2', 'swarm-worker');
  await until(() => manager.heard.some(([node]) => node === 'w2'), 'the other certificate');
  await manager.stop();
  manager.heard.length = 0;
  await manager.start();
  manager.history.publish(web(2));
  courier.bring(died);
  await until(() => manager.heard.some(([node, { gone }]) => node === 'w2' && gone.length === 1), 'the news on another line');
});
