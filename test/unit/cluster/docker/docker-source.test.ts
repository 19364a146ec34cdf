import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { dockerSource } from '../../../../src/cluster/docker/docker-source.js';
import { DockerTimeoutError, DockerUnreachableError, NotSwarmManagerError } from '../../../../src/cluster/docker/errors.js';
import type { PollIntervals } from '../../../../src/cluster/docker/convergence.js';
import type { Recorder } from '../recorder.js';
import { DockerBed } from './docker-bed.js';
import type { FakeDockerd, Failure } from './fake-dockerd.js';
import { clusterJson, ingress, serviceJson, taskJson, tcp8080 } from './swarm-json.js';

/** So slow that only events and gaps make the source look again. */
const never: PollIntervals = { fast: 600_000, slow: 600_000, blind: 600_000, told: 600_000, hot: 0, resync: 600_000 };

let bed: DockerBed;
let dockerd: FakeDockerd;
let recorder: Recorder;

beforeEach(async () => {
  bed = await DockerBed.make();
  ({ dockerd, recorder } = bed);
  dockerd.cluster = web(1);
});

afterEach(() => bed.end());

function web(replicas: number) {
  const tasks = Array.from({ length: replicas }, (_, n) => taskJson(`t${n + 1}`, { service: 'webid', node: 'alphaid', slot: n + 1, attachments: [[ingress, `10.0.0.${n + 8}/24`]] }));
  return clusterJson({ services: [serviceJson('webid', { ports: [tcp8080], replicas })], tasks });
}

async function follow(intervals = never, requestMilliseconds = 10_000) {
  bed.follow(dockerSource({ socket: dockerd.socket, intervals, requestMilliseconds }));
  await recorder.until('state: 8080');
  await bed.untilStreaming();
  if (intervals === never) await quiet();
  dockerd.requests.length = 0;
}

/** Until both looks of a beginning are over: the start's, and the one that a stream's beginning asks for. */
async function quiet() {
  while (dockerd.requests.filter((request) => request.startsWith('/networks')).length < 2) await sleep(2);
  for (let seen = -1; seen !== dockerd.requests.length; await sleep(200)) seen = dockerd.requests.length;
}

const unavailable = () => recorder.log.filter((entry) => entry.startsWith('unavailable'));

describe('a change is served soon', () => {
  test('an event makes the source look at that service only', async () => {
    await dockerd.start();
    await follow();

    dockerd.cluster = web(2);
    dockerd.event('service', 'update', 'webid');
    await recorder.until('web.2*1');

    expect(dockerd.requests).toEqual(['/services?filters=%7B%22id%22%3A%5B%22webid%22%5D%7D', '/tasks?filters=%7B%22service%22%3A%5B%22webid%22%5D%7D']);
  });

  test('a service that is removed goes, although Docker answers 404 for its tasks', async () => {
    await dockerd.start();
    await follow();

    dockerd.cluster = clusterJson({});
    dockerd.event('service', 'remove', 'webid');
    await recorder.until('state:', 2);

    expect(recorder.states.at(-1)?.services).toEqual([]);
    expect(unavailable()).toEqual([]);
  });

  test('an event that is cut in the middle of a line and of a character is understood', async () => {
    await dockerd.start();
    await follow();
    dockerd.cluster = web(2);
    const bytes = Buffer.from('{"Type":"service","Action":"update","Actor":{"ID":"webid","Attributes":{"name":"wéb"}},"time":1}\n');
    const middle = bytes.indexOf('é') + 1;

    dockerd.emit(bytes.subarray(0, middle));
    await sleep(50);
    expect(dockerd.requests).toEqual([]);
    dockerd.emit(bytes.subarray(middle));

    await recorder.until('web.2*1');
  });

  test('tasks that change without any event are found while the service converges', async () => {
    await dockerd.start();
    await follow({ ...never, fast: 20, hot: 2_000 });

    dockerd.event('service', 'update', 'webid');
    await sleep(100);
    dockerd.cluster = web(3);

    await recorder.until('web.3*1');
  });

  test('a burst of events is one look, not a hundred', async () => {
    await dockerd.start();
    await follow();

    for (let i = 0; i < 100; i++) dockerd.event('service', 'update', 'webid');
    await sleep(500);

    expect(dockerd.requests.length).toBeLessThan(12);
  });

  test('what does not differ is not told: traffic must not notice', async () => {
    await dockerd.start();
    await follow({ ...never, slow: 20 });
    await sleep(300);

    expect(recorder.log).toHaveLength(1);
  });
});

describe('a Docker that fails: the last good state stays, the trouble is told once, the end of it is seen', () => {
  test.each<[Failure, string, number]>([
    ['error', 'The swarm does not have a leader', 30_000],
    ['hang', 'did not answer within 1 s', 1_000],
    ['cut', 'did not answer within 1 s', 1_000],
    ['not a manager', 'is not a Swarm manager', 30_000],
    ['not a list', 'something else than a list', 30_000],
  ])('%s', async (failure, words, requestMilliseconds) => {
    await dockerd.start();
    await follow({ ...never, slow: 50 }, requestMilliseconds);

    dockerd.failure = failure;
    await recorder.until('unavailable');
    await sleep(700);
    dockerd.cluster = web(2);
    dockerd.failure = 'none';
    await recorder.until('web.2*1');

    expect(recorder.log).toEqual(['state: 8080 web.1*1', expect.stringContaining(words), 'state: 8080 web.1*1 web.2*1']);
  });

  test('killed and started again', async () => {
    await dockerd.start();
    await follow();

    await dockerd.stop();
    await recorder.until('unavailable');
    dockerd.cluster = web(2);
    await dockerd.start();
    await recorder.until('web.2*1');

    expect(unavailable().length).toBeLessThanOrEqual(2);
  });

  test('the same state after the trouble is told all the same: it says that the trouble is over', async () => {
    await dockerd.start();
    await follow();

    await dockerd.stop();
    await recorder.until('unavailable');
    await dockerd.start();

    await recorder.until('state: 8080 web.1*1', 2);
  });

  test('a stream that is cut loses nothing: all is looked at again', async () => {
    await dockerd.start();
    await follow();

    dockerd.emit('{"Type":"service","Act');
    dockerd.cluster = web(2);
    dockerd.cutStreams();

    await recorder.until('web.2*1');
    expect(unavailable()).toEqual([]);
  });

  test('garbage in the stream: all is looked at again', async () => {
    await dockerd.start();
    await follow();

    dockerd.cluster = web(2);
    dockerd.emit('\u0000\u0001 garbage {]\n');

    await recorder.until('web.2*1');
  });

  test('without event stream the poll goes on', async () => {
    dockerd.eventsFailure = 'error';
    await dockerd.start();
    bed.follow(dockerSource({ socket: dockerd.socket, intervals: { ...never, blind: 30 } }));
    await recorder.until('web.1*1');

    dockerd.cluster = web(2);

    await recorder.until('web.2*1');
    expect(unavailable()).toEqual([]);
  });

  test('a Docker that is not there yet is waited for', async () => {
    bed.follow(dockerSource({ socket: dockerd.socket, intervals: never }));
    await recorder.until('there is no such socket; is dockerd running');
    await dockerd.start();

    await recorder.until('web.1*1');
  });
});

describe('read once', () => {
  const read = (requestMilliseconds = 10_000) => dockerSource({ socket: dockerd.socket, requestMilliseconds }).read(AbortSignal.timeout(60_000));

  test('gives the state', async () => {
    await dockerd.start();
    expect((await read()).tasks).toHaveLength(1);
  });

  test('asks the Docker of its settings, whatever DOCKER_HOST says', async () => {
    await dockerd.start();
    process.env.DOCKER_HOST = 'tcp://192.0.2.1:2375';
    try {
      expect((await read()).tasks).toHaveLength(1);
    } finally {
      delete process.env.DOCKER_HOST;
    }
  });

  test('says what to do when there is no Docker', async () => {
    await expect(read()).rejects.toThrow(DockerUnreachableError);
    await expect(read()).rejects.toThrow('systemctl start docker');
  });

  test('says what to do on a node that is no manager', async () => {
    await dockerd.start();
    dockerd.failure = 'not a manager';
    await expect(read()).rejects.toThrow(NotSwarmManagerError);
    await expect(read()).rejects.toThrow('docker swarm init');
  });

  test('does not wait for a Docker that hangs', async () => {
    await dockerd.start();
    dockerd.failure = 'hang';
    await expect(read(100)).rejects.toThrow(DockerTimeoutError);
  });

  test('ends when it is told to', async () => {
    await dockerd.start();
    dockerd.failure = 'hang';
    await expect(dockerSource({ socket: dockerd.socket }).read(AbortSignal.timeout(50))).rejects.toThrow('timeout');
  });
});
