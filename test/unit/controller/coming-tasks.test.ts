import { beforeEach, expect, it } from '@jest/globals';
import type { LocalTask } from '../../../src/cluster/source.js';
import type { Task } from '../../../src/cluster/state.js';
import { ComingTasks } from '../../../src/controller/coming-tasks.js';
import { cluster, nodeId, port, service, task } from '../plan/fixtures.js';

const starting = (one: Task): Task => ({ ...one, weight: 0, starting: true });
const coming = starting(task('web', 2));
const state = (...tasks: readonly Task[]) => cluster({ services: [service('web', [port(8080, 80)])], tasks });
/** Of this very process: it is there. */
const namespace = '/proc/self/ns/net';
const none: ReadonlyMap<string, LocalTask> = new Map();

/** A kernel in which containers are set up when the test says so. */
function bed() {
  const found = new Map<string, LocalTask>();
  const asked: string[] = [];
  const told: string[] = [];
  let hint: (() => void) | null = null;
  let heard: () => void = () => undefined;
  const tasks = new ComingTasks({
    nodeId,
    kernel: {
      findTasks: (wanted, known = []) => {
        asked.push(`${wanted.map(({ name }) => name).join()} besides ${known.join()}`);
        heard();
        return new Map([...found].filter(([id]) => wanted.some((one) => one.id === id)));
      },
      watchNamespaces: (onChange) => {
        hint = onChange;
        return { close: () => { hint = null; } };
      },
    },
    onFound: (what) => told.push(what),
  });
  return {
    tasks, asked, told,
    setUp: (id: string, path = namespace) => { found.set(id, { taskId: id, namespace: path }); hint?.(); },
    isWatching: () => hint !== null,
    /** Resolves after the search that is due. */
    searched: () => new Promise<void>((resolve) => { heard = resolve; }),
  };
}

let kernel: ReturnType<typeof bed>;
beforeEach(() => { kernel = bed(); });

it('the namespace of a task that is about to run is known as soon as it is set up, long before Docker tells of it', async () => {
  const { tasks, asked, told, setUp, isWatching, searched } = kernel;
  tasks.follow(state(task('web', 1), coming), new Map([['web1', { taskId: 'web1', namespace: '/proc/7/ns/net' }]]));
  await searched();
  expect([tasks.besides(none).size, isWatching()]).toEqual([0, true]);

  setUp(coming.id);
  await searched();
  expect([...tasks.besides(none).keys()]).toEqual([coming.id]);
  expect(asked).toEqual(Array(2).fill('web.2 besides /proc/7/ns/net'));
  expect([told, isWatching()]).toEqual([['web.2 about to run'], false]);
  tasks.close();
});

it('it stays known when the task runs, until Docker tells of the container, which is believed instead', async () => {
  const { tasks, setUp, searched } = kernel;
  setUp(coming.id);
  tasks.follow(state(coming), none);
  await searched();
  tasks.follow(state(task('web', 2)), none);
  expect(tasks.besides(none).get(coming.id)).toEqual({ taskId: coming.id, namespace });

  const local = new Map([[coming.id, { taskId: coming.id, namespace: '/proc/8/ns/net', isReady: true }]]);
  tasks.follow(state(task('web', 2)), local);
  expect(tasks.besides(local)).toBe(local);
  // It has died.
  expect(tasks.besides(none).size).toBe(0);
  tasks.close();
});

it('a container that never ran leaves nothing behind', async () => {
  const { tasks, setUp, searched } = kernel;
  setUp(coming.id, '/proc/self/ns/gone');
  tasks.follow(state(coming), none);
  await searched();
  expect(tasks.besides(none).size).toBe(0);
  setUp(coming.id);
  tasks.follow(state(), none);
  expect(tasks.besides(none).size).toBe(0);
  tasks.close();
});

it.each([
  ['no task is about to run', state(task('web', 2)), none],
  ['it is another node’s', state(starting(task('web', 2, { nodeId: 'node2' }))), none],
  ['Docker knows it already', state(coming), new Map([[coming.id, { taskId: coming.id, namespace }]])],
  ['Docker has not answered yet', state(coming), null],
])('nothing is watched or looked for while %s: an idle node pays nothing', async (_when, cluster, local) => {
  const { tasks, asked, isWatching } = kernel;
  tasks.follow(cluster, local);
  await new Promise((resolve) => { setImmediate(resolve); });
  expect([asked, isWatching()]).toEqual([[], false]);
});

it('a kernel that can’t be watched is asked once: Docker tells of the rest', async () => {
  const told: string[] = [];
  const tasks = new ComingTasks({
    nodeId,
    kernel: { findTasks: () => new Map([[coming.id, { taskId: coming.id, namespace }]]), watchNamespaces: () => { throw new Error('EPERM'); } },
    onFound: (what) => told.push(what),
  });
  tasks.follow(state(coming), none);
  while (told.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
  expect([...tasks.besides(none).keys()]).toEqual([coming.id]);
  tasks.close();
});
