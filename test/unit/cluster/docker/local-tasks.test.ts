import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { localTaskOf } from '../../../../src/cluster/docker/local-containers.js';
import { dockerLocalTasks } from '../../../../src/cluster/docker/local-tasks.js';
import type { Recorder } from '../recorder.js';
import { DockerBed } from './docker-bed.js';
import type { FakeDockerd } from './fake-dockerd.js';

const one = 'c1c1';
const two = 'c2c2';

let bed: DockerBed;
let dockerd: FakeDockerd;
let recorder: Recorder;
/** What the kernel would call, by process id. */
let endOf: Map<number, () => void>;

function watchProcessEnd(processId: number, onEnd: () => void): { close(): void } {
  if (processId === 6666) throw new Error('no such process');
  endOf.set(processId, onEnd);
  return { close: () => void endOf.delete(processId) };
}

beforeEach(async () => {
  bed = await DockerBed.make();
  ({ dockerd, recorder } = bed);
  dockerd.containers.set(one, { taskId: 'task1', pid: 4711 });
  await dockerd.start();
  endOf = new Map();
  bed.follow(dockerLocalTasks({ socket: dockerd.socket, resyncMilliseconds: 600_000, watchProcessEnd }));
  await recorder.until('task1=/proc/4711/ns/net');
  await bed.untilStreaming();
  await sleep(100);
});

afterEach(() => bed.end());

test('a task that starts is found, one that dies leaves at once and without a question', async () => {
  dockerd.containers.set(two, { taskId: 'task2', pid: 4712 });
  dockerd.event('container', 'start', two);
  await recorder.until('task2=/proc/4712/ns/net');

  dockerd.failure = 'hang';
  dockerd.event('container', 'die', one);
  await recorder.until('local: task2=/proc/4712/ns/net');

  expect(recorder.log).toHaveLength(3);
});

test('a task that dies while it is asked about does not come back from the dead', async () => {
  let open: () => void = () => undefined;
  dockerd.inspectionGate = new Promise((resolve) => (open = resolve));
  dockerd.containers.set(two, { taskId: 'task2', pid: 4712 });
  dockerd.event('container', 'start', two);
  await sleep(50);
  dockerd.event('container', 'die', two);
  await sleep(50);
  open();
  await sleep(100);

  expect(recorder.count('task2')).toBe(0);
});

/** Its container is created, and Docker has been asked about it. */
async function created(healthCheck?: readonly string[]): Promise<void> {
  dockerd.containers.set(two, { taskId: 'task2', pid: 0, ...(healthCheck === undefined ? {} : { healthCheck }) });
  dockerd.event('container', 'create', two);
  while (!dockerd.requests.some((request) => request.includes(two))) await sleep(2);
  await sleep(50);
}

test.each([['no health check', undefined], ['its image’s turned off', ['NONE']]])('a task with %s is heard to run by the event of its start, however long Docker takes to be asked', async (_what, healthCheck) => {
  await created(healthCheck);
  dockerd.inspectionGate = new Promise(() => undefined);
  dockerd.event('container', 'start', two);
  await recorder.until('heard: task2 running');
});

test('a container that Docker is busy starting, and says nothing of, keeps nobody from hearing of another one’s start', async () => {
  dockerd.inspectionGate = new Promise(() => undefined);
  await created();
  dockerd.inspectionGate = Promise.resolve();
  const three = 'c'.repeat(64);
  dockerd.containers.set(three, { taskId: 'task3', pid: 4713 });
  dockerd.event('container', 'start', three);
  await recorder.until('task3=/proc/4713/ns/net');
});

test('a task with a health check is not heard to run: it is healthy when Docker says so', async () => {
  await created(['CMD', 'true']);
  dockerd.containers.set(two, { taskId: 'task2', pid: 4712 });
  dockerd.event('container', 'start', two);
  await recorder.until('task2=/proc/4712/ns/net');
  expect(recorder.count('heard')).toBe(0);
});

test('a task that was heard to run and is gone before Docker can be asked is heard to be gone', async () => {
  await created();
  dockerd.inspectionGate = new Promise(() => undefined);
  dockerd.event('container', 'start', two);
  await recorder.until('heard: task2 running');
  dockerd.event('container', 'die', two);
  await recorder.until('heard: task2 gone');
});

test('a task that was heard to run and that a list does not have is heard to be gone: its end was missed', async () => {
  await created();
  let open: () => void = () => undefined;
  dockerd.inspectionGate = new Promise((resolve) => (open = resolve));
  dockerd.event('container', 'start', two);
  await recorder.until('heard: task2 running');
  dockerd.containers.delete(two);
  open();
  await recorder.until('heard: task2 gone');
});

test('a task that was heard to run stays when it has been looked at', async () => {
  await created();
  dockerd.containers.set(two, { taskId: 'task2', pid: 4712 });
  dockerd.event('container', 'start', two);
  await recorder.until('task2=/proc/4712/ns/net');
  expect(recorder.log.filter((entry) => entry.startsWith('heard'))).toEqual(['heard: task2 running']);
});

test('a task whose process ends leaves at once, though Docker says for seconds that it runs', async () => {
  endOf.get(4711)?.();
  await recorder.until('local: ');
  dockerd.containers.set(two, { taskId: 'task2', pid: 4712 });
  dockerd.cutStreams();
  await recorder.until('task2=/proc/4712/ns/net');

  expect(recorder.log.at(-1)).toBe('local: task2=/proc/4712/ns/net');
  expect([...endOf.keys()]).toEqual([4712]);
});

test('a container that was started again is watched by its new process', async () => {
  endOf.get(4711)?.();
  dockerd.containers.set(one, { taskId: 'task1', pid: 4713 });
  dockerd.event('container', 'start', one);
  await recorder.until('task1=/proc/4713/ns/net');

  expect([...endOf.keys()]).toEqual([4713]);
});

test('a task whose process can’t be watched is served, and leaves when Docker says so', async () => {
  dockerd.containers.set(two, { taskId: 'task2', pid: 6666 });
  dockerd.event('container', 'start', two);
  await recorder.until('task2=/proc/6666/ns/net');
  dockerd.event('container', 'die', two);
  await recorder.until('local: task1=/proc/4711/ns/net', 2);
});

test('no process is watched any more when the controller stops', async () => {
  await bed.unfollow();
  expect([...endOf.keys()]).toEqual([]);
});

test('deaths in a gap of the stream are found by a new list', async () => {
  dockerd.containers.delete(one);
  dockerd.cutStreams();

  await recorder.until('local:', 2);
  expect(recorder.log.at(-1)).toBe('local: ');
});

test('while Docker is away the last good list stays, and its return is told', async () => {
  await dockerd.stop();
  await recorder.until('unavailable');
  await dockerd.start();

  await recorder.until('task1=/proc/4711/ns/net', 2);
  expect(recorder.count('local: /')).toBe(0);
});

test('a container with a health check is ready for connections when that says so', () => {
  const ready = (health: unknown) => localTaskOf({ Config: { Labels: { 'com.docker.swarm.task.id': 'task1' } }, State: { Running: true, Pid: 4711, Health: health } })?.isReady;
  expect([undefined, { Status: 'none' }, { Status: 'healthy' }].map(ready)).toEqual([true, true, true]);
  expect([{ Status: 'starting' }, { Status: 'unhealthy' }].map(ready)).toEqual([false, false]);
});

test('a container that becomes healthy is looked at again', async () => {
  dockerd.containers.set(one, { taskId: 'task1', pid: 4799 });
  dockerd.event('container', 'health_status: healthy', one);
  await recorder.until('task1=/proc/4799/ns/net');
});

test('a container that is no task, or has no process, is no local task', () => {
  const container = (labels: unknown, state: unknown) => ({ Config: { Labels: labels }, State: state });
  const label = { 'com.docker.swarm.task.id': 'task1' };

  expect(localTaskOf(container(label, { Running: true, Pid: 4711 }))).toEqual({ taskId: 'task1', namespace: '/proc/4711/ns/net', processId: 4711, isReady: true });
  expect(localTaskOf(container(null, { Running: true, Pid: 4711 }))).toBeNull();
  expect(localTaskOf(container(label, { Running: false, Pid: 0 }))).toBeNull();
  expect(localTaskOf(container(label, { Running: true, Pid: 0 }))).toBeNull();
  expect(localTaskOf(container(label, { Running: true, Pid: '1/../..' }))).toBeNull();
  expect(localTaskOf(container({ 'com.docker.swarm.task.id': '../x' }, { Running: true, Pid: 4711 }))).toBeNull();
  expect(localTaskOf(null)).toBeNull();
});
