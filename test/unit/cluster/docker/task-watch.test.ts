import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerSource } from '../../../../src/cluster/docker/docker-source.js';
import { decodeTaskEvents } from '../../../../src/cluster/docker/task-watch/messages.js';
import { RecentTaskEvents } from '../../../../src/cluster/docker/task-watch/recent-events.js';
import { Authority } from '../../../support/certificates.js';
import { Recorder } from '../recorder.js';
import { FakeDockerd } from './fake-dockerd.js';
import { FakeTaskWatch, running, shutdown, type WatchedTask } from './fake-task-watch.js';
import { clusterJson, ingress, serviceJson, taskJson, tcp8080 } from './swarm-json.js';

/** So slow that only what is told makes the source look again. */
const intervals = { fast: 600_000, slow: 600_000, blind: 600_000, told: 600_000, hot: 0, resync: 600_000 };
const first: WatchedTask = { id: 't1', version: 900, service: 'webid', node: 'alphaid', slot: 1, state: running, desired: running, network: ingress.id, address: '10.0.0.8/24' };
const second: WatchedTask = { ...first, id: 't2', slot: 2, address: '10.0.0.9/24' };

let folder: string;
let dockerd: FakeDockerd;
let watch: FakeTaskWatch;
let recorder: Recorder;
let stop: AbortController;
let following: Promise<void>;
let source: ReturnType<typeof dockerSource>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-watch-'));
  dockerd = new FakeDockerd(join(folder, 'docker.sock'));
  dockerd.cluster = clusterJson({
    services: [serviceJson('webid', { ports: [tcp8080] })],
    tasks: [taskJson('t1', { service: 'webid', node: 'alphaid', slot: 1, attachments: [[ingress, '10.0.0.8/24']] })],
  });
  watch = new FakeTaskWatch(folder);
  recorder = new Recorder();
  stop = new AbortController();
  following = Promise.resolve();
  await dockerd.start();
});

afterEach(async () => {
  stop.abort();
  await following;
  watch.stop();
  await dockerd.stop();
  await rm(folder, { recursive: true });
});

function follow(more: Partial<typeof intervals> = {}): void {
  source = dockerSource({ socket: dockerd.socket, intervals: { ...intervals, ...more }, taskWatch: watch });
  following = source.follow(recorder, stop.signal);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const watched = () => source.description.endsWith(', watched');

describe('a task’s change is served as Swarm tells it', () => {
  beforeEach(async () => {
    await watch.start();
    follow();
    await until(watched);
    await recorder.until('web.1*1');
    // Until the list that the beginning of the watch asks for is over.
    for (let seen = -1; seen !== dockerd.requests.length; await new Promise((resolve) => setTimeout(resolve, 200))) seen = dockerd.requests.length;
    dockerd.requests.length = 0;
  });

  test('one that starts, one that is to stop, one that is gone: without asking Docker anything', async () => {
    watch.updated(second);
    await recorder.until('web.1*1 web.2*1');
    watch.updated({ ...first, version: 901, desired: shutdown });
    await recorder.until('web.1*0 web.2*1');
    watch.removed(first);
    await recorder.until('state: 8080 web.2*1');
    expect(dockerd.requests).toEqual([]);
  });

  test('with the moment in which each was changed, by which it is measured how long it took', async () => {
    const began = 1_767_268_800_000;
    watch.updated({ ...second, statusAt: began + 123, updatedAt: began + 200 });
    await recorder.until('web.1*1 web.2*1');
    watch.updated({ ...first, version: 901, desired: shutdown, statusAt: began, updatedAt: began + 5_001 });
    await recorder.until('web.1*0 web.2*1');
    expect(recorder.changedAt).toEqual([began + 123, began + 5_001]);
  });

  test('it asks for tasks alone', () => {
    // One entry: kind "task", action create | update | remove.
    expect(watch.requests).toEqual([Buffer.from('\x0a\x08\x0a\x04task\x10\x07', 'latin1')]);
  });

  test('a list that is older than the change does not undo it', async () => {
    watch.updated({ ...first, version: 901, desired: shutdown });
    await recorder.until('web.1*0');
    dockerd.event('service', 'update', 'webid');
    await until(() => dockerd.requests.length >= 2);
    watch.updated(second);
    await recorder.until('web.2*1');
    expect(recorder.log.at(-1)).toBe('state: 8080 web.1*0 web.2*1');
  });

  test('when the watch breaks all is listed again, and tasks are polled until it is back', async () => {
    watch.stop();
    await until(() => !watched());
    await until(() => dockerd.requests.some((request) => request.startsWith('/tasks')));
    await watch.start();
    await until(watched);
    watch.updated(second);
    await recorder.until('web.2*1');
  });
});

test('while all changes are told, Docker is asked for no more than a sign of life', async () => {
  await watch.start();
  follow({ told: 10 });
  await until(watched);
  const isSign = (request: string | undefined): boolean => request?.startsWith('/nodes') === true;
  // The list that the beginning of the watch asks for comes first.
  await until(() => dockerd.requests.slice(-3).every(isSign));
  dockerd.requests.length = 0;
  await until(() => dockerd.requests.length >= 3);
  expect(dockerd.requests.filter((request) => !isSign(request))).toEqual([]);
});

describe('nobody but a manager of this Swarm is believed', () => {
  test.each([
    ['a worker', { names: ['swarm-worker'] }],
    ['another Swarm’s manager', { signing: new Authority() }],
  ])('not %s', async (_who, certificate) => {
    await watch.start(certificate);
    follow({ slow: 20 });
    await recorder.until('web.1*1');
    // The tasks are polled as ever.
    dockerd.cluster = clusterJson({ services: [serviceJson('webid', { ports: [tcp8080] })] });
    await until(() => recorder.log.at(-1) === 'state: 8080');
    expect(watch.requests).toEqual([]);
    expect(source.description).toMatch(/, polled$/);
  });
});

test('bytes that are no message are an error, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeTaskEvents(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});

describe('changes laid over lists', () => {
  const listed = (id: string, version: number) => ({ ID: id, Version: { Index: version } });

  test('the newer of the two stands, whichever way round they came', () => {
    const recent = new RecentTaskEvents(() => 0);
    recent.add([{ kind: 'set', id: 'b', version: 5, task: listed('b', 5) }, { kind: 'set', id: 'c', version: 5, task: listed('c', 5) }, { kind: 'removed', id: 'd' }]);
    expect(recent.over([listed('a', 1), listed('b', 4), listed('c', 6), listed('d', 1)])).toEqual([listed('a', 1), listed('b', 5), listed('c', 6)]);
  });

  test('a change is forgotten in time: it costs no memory for ever', () => {
    let now = 0;
    const recent = new RecentTaskEvents(() => now);
    recent.add([{ kind: 'removed', id: 'a' }]);
    now = 60_000;
    recent.add([{ kind: 'removed', id: 'b' }]);
    expect(recent.over([listed('a', 1), listed('b', 1)])).toEqual([listed('a', 1)]);
  });
});
