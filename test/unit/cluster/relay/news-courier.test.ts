import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { NewsCourier } from '../../../../src/cluster/relay/news-courier.js';
import { noNews } from '../../../../src/cluster/relay/protocol.js';
import { credentialsOf, KeptLog, TestManager, until } from './cluster.js';
import { web } from './states.js';

let managers: readonly TestManager[];
/** Those that the node knows of. */
let told: readonly TestManager[];
let courier: NewsCourier;

beforeEach(async () => {
  managers = [new TestManager('m1'), new TestManager('m2')];
  told = managers;
  await Promise.all(managers.map((manager) => manager.start()));
  for (const { history } of managers) history.publish(web(2));
  courier = new NewsCourier({ managers: () => told.map(({ address }) => address), credentials: () => credentialsOf('w1', 'swarm-worker'), logger: new KeptLog(), intervals: { repeat: 50, patience: 5_000 } });
});
afterEach(async () => {
  courier.close();
  await Promise.all(managers.map((manager) => manager.stop()));
});

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

test('nothing is sent where there is nothing to say', async () => {
  courier.bring(noNews);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(managers.flatMap(({ heard }) => heard)).toEqual([]);
});
