import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { relaySource, type RelaySourceOptions } from '../../../../src/cluster/relay/relay-source.js';
import { Backoff } from '../../../../src/controller/backoff.js';
import { Authority } from '../../../support/certificates.js';
import { Recorder } from '../recorder.js';
import { credentialsOf, freePort, KeptLog, TestManager, until } from './cluster.js';
import { web } from './states.js';

let first: TestManager;
let second: TestManager;
let recorder: Recorder;
let log: KeptLog;
let stop: AbortController;
let running: Promise<void>;
beforeEach(() => {
  first = new TestManager('m1');
  second = new TestManager('m2');
  recorder = new Recorder();
  log = new KeptLog();
  stop = new AbortController();
  running = Promise.resolve();
});
afterEach(async () => {
  stop.abort();
  await running;
  await Promise.all([first.stop(), second.stop()]);
});

const worker = credentialsOf('w1', 'swarm-worker');

/** For the tests of silence itself: a busy machine may keep others waiting as long. */
const impatient = { patience: { silence: 1_000, listing: 30_000 } };

function sourceOf(managers: readonly TestManager[], more: Partial<RelaySourceOptions> = {}) {
  return relaySource({
    managers: () => managers.map(({ address }) => address),
    credentials: () => worker,
    events: log.events,
    patience: { silence: 30_000, listing: 30_000 },
    backoff: new Backoff({ firstMilliseconds: 20, limitMilliseconds: 100 }),
    ...more,
  });
}

function follow(managers: readonly TestManager[], more: Partial<RelaySourceOptions> = {}) {
  const source = sourceOf(managers, more);
  running = source.follow(recorder, stop.signal);
  return source;
}

async function started(manager: TestManager, replicas: number): Promise<void> {
  manager.history.publish(web(replicas));
  await manager.start();
}

describe('a worker serves what its managers know', () => {
  test('from the first state on, change by change', async () => {
    await started(first, 1);
    const source = follow([first]);
    await recorder.until('state: 8080 web.1*1');
    await until(() => first.server?.followers === 1, 'a follower');

    first.history.publish(web(2));
    await recorder.until('web.2*1');
    first.history.publish({ ...web(1), services: [], tasks: [] });
    await recorder.until('state:', 3);

    expect(recorder.states.at(-1)?.services).toEqual([]);
    expect(recorder.count('unavailable')).toBe(0);
    expect(source.description).toMatch(/^relay of manager m1 \(127\.0\.0\.1:\d+\), revision 3$/);
  });

  test('and when each change was made, so that all nodes measure from the same moment', async () => {
    await started(first, 1);
    const source = follow([first]);
    await recorder.until('state: 8080 web.1*1');
    first.history.publish(web(2), [1_767_268_800_123, 1_767_268_800_456.7]);
    await recorder.until('web.2*1');
    expect(recorder.changedAt).toEqual([1_767_268_800_123, 1_767_268_800_457]);
    expect(source.relay).toEqual({ part: 'follows', revision: 2, followers: 0 });
  });

  test('heartbeats without a change are not told: traffic must not notice', async () => {
    await started(first, 1);
    follow([first]);
    await recorder.until('state: 8080 web.1*1');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(recorder.log).toHaveLength(1);
  });

  test('a stream that breaks goes on where it was: what changed meanwhile comes, nothing is listed anew', async () => {
    await started(first, 1);
    follow([first]);
    await recorder.until('web.1*1');
    const list = jest.spyOn(first.history, 'list');

    const { history } = first;
    await first.stop();
    first.history = history;
    first.history.publish(web(2));
    await first.start();
    await recorder.until('web.2*1');

    expect(list).not.toHaveBeenCalled();
  });

  test('a manager whose controller started again is listed again, and the trouble is seen to be over', async () => {
    await started(first, 1);
    follow([first]);
    await recorder.until('web.1*1');

    await first.stop();
    await recorder.until('nobody listens there');
    await started(first, 3);

    await recorder.until('web.3*1');
  });

  test('a follower that missed more than is kept lists again', async () => {
    await started(first, 1);
    follow([first]);
    await recorder.until('web.1*1');
    const { history } = first;
    await first.stop();
    for (let n = 0; n < 300; n++) history.publish(web(2 + (n % 2)));
    first.history = history;
    await first.start();
    await recorder.until('web.3*1');
  });
});

describe('managers that fail', () => {
  test('one that dies is left for another', async () => {
    await Promise.all([started(first, 1), started(second, 1)]);
    follow([first, second]);
    await recorder.until('web.1*1');
    await until(() => (first.server?.followers ?? 0) + (second.server?.followers ?? 0) === 1, 'one follower');
    const [followed, other] = first.server?.followers === 1 ? [first, second] : [second, first];

    await followed.stop();
    other.history.publish(web(2));

    await recorder.until('web.2*1');
    expect(recorder.count('unavailable')).toBe(0);
  });

  test('one that is silent, as behind a pulled cable, is left after a while', async () => {
    first = new TestManager('m1', { heartbeat: 600_000 });
    await started(first, 1);
    await started(second, 2);
    const managers = [first];
    follow(managers, impatient);
    await recorder.until('web.1*1');
    managers.push(second);
    await recorder.until('web.2*1');
    expect(log.count('was silent for 1 s')).toBe(1);
  });

  test('one whose own Docker does not answer is left for one whose does', async () => {
    await Promise.all([started(first, 1), started(second, 2)]);
    const managers = [first];
    follow(managers);
    await recorder.until('web.1*1');
    managers.push(second);
    first.history.setAvailable(false);
    await recorder.until('web.2*1');
    expect(recorder.count('unavailable')).toBe(0);
  });

  test('all without a Docker: the last state stays, the trouble is told once, the end of it is seen', async () => {
    await started(first, 1);
    follow([first]);
    await recorder.until('web.1*1');
    first.history.setAvailable(false);
    await recorder.until('its own Docker does not answer');
    await new Promise((resolve) => setTimeout(resolve, 300));
    first.history.publish(web(2));
    await recorder.until('web.2*1');
    expect(recorder.log).toEqual(['state: 8080 web.1*1', expect.stringContaining('its own Docker does not answer'), 'state: 8080 web.1*1 web.2*1']);
  });

  test('a worker that starts meanwhile takes an old state rather than none, and says so', async () => {
    await started(first, 1);
    first.history.setAvailable(false);
    follow([first]);
    await recorder.until('its own Docker does not answer');
    expect(recorder.log[0]).toBe('state: 8080 web.1*1');
  });

  test('a manager does not give up its own old state for that of another without a Docker', async () => {
    await started(first, 1);
    first.history.setAvailable(false);
    follow([first], { onlyAvailable: true });
    await recorder.until('its own Docker does not answer');
    expect(recorder.states).toEqual([]);
  });

  test('at the start, a silent one is told before the others are tried: meanwhile the state on disk serves', async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const managers = ['m1', 'm2'].map((nodeId) => ({ nodeId, host: '127.0.0.1', port }));
    follow([], { managers: () => managers, patience: { silence: 300, listing: 30_000 } });

    await recorder.until('unavailable', 2);
    expect(recorder.log.map((entry) => entry.split('was silent').length - 1)).toEqual([1, 2]);
    for (const socket of sockets) socket.destroy();
    mute.close();
  });

  test('no manager at all is told, and waited for', async () => {
    const managers: TestManager[] = [];
    follow(managers);
    await recorder.until('names no manager to follow');
    await started(first, 1);
    managers.push(first);
    await recorder.until('web.1*1');
  });
});

describe('who is no manager of this cluster is not believed', () => {
  test.each<[string, () => TestManager, string]>([
    ['another cluster’s', () => new TestManager('m1', {}, credentialsOf('m1', 'swarm-manager', { cluster: 'other' })), 'its certificate is of another cluster'],
    ['a second Swarm’s', () => new TestManager('m1', {}, credentialsOf('m1', 'swarm-manager', { by: new Authority() })), 'its certificate is of another cluster'],
    ['a worker acting as a server', () => new TestManager('m1', {}, credentialsOf('m1', 'swarm-worker')), 'a worker’s, and only managers serve'],
    ['another node', () => new TestManager('m1', {}, credentialsOf('m9', 'swarm-manager')), 'its certificate is of another node'],
    ['one that has expired', () => new TestManager('m1', {}, credentialsOf('m1', 'swarm-manager', { notAfter: new Date(Date.now() - 1_000) })), 'its certificate has expired'],
    ['one that is not yet valid', () => new TestManager('m1', {}, credentialsOf('m1', 'swarm-manager', { notBefore: new Date(Date.now() + 3_600_000) })), 'are the clocks right?'],
  ])('%s', async (_, make, words) => {
    first = make();
    await started(first, 1);
    follow([first]);
    await recorder.until(words);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(recorder.states).toEqual([]);
    expect(log.count(words)).toBe(1);
  });

  test('one that speaks nonsense is left for another, and told once', async () => {
    await Promise.all([started(first, 1), started(second, 2)]);
    jest.spyOn(first.history, 'list').mockReturnValue(Buffer.from(JSON.stringify({ epoch: 'x', revision: 1, available: true, state: web(1) })));
    const managers = [first];
    follow(managers);
    await recorder.until('is not one of ours: ');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(recorder.states).toEqual([]);
    managers.push(second);
    await recorder.until('web.2*1');
    expect(log.count('is not one of ours: ')).toBe(1);
  });

  test('a line that does not follow from the state ends the stream, and the next try lists', async () => {
    await started(first, 1);
    follow([first]);
    await recorder.until('web.1*1');
    await until(() => first.server?.followers === 1, 'a follower');
    jest.spyOn(first.history, 'heartbeat').mockReturnValueOnce('{"type":"heartbeat","revision":99,"available":true}\n');
    await until(() => log.count('at revision 99, expected 1') === 1, 'the refusal');
    first.history.publish(web(2));
    await recorder.until('web.2*1');
  });

  test('bytes that never become a line are silence: they keep no follower', async () => {
    await started(first, 1);
    follow([first], impatient);
    await recorder.until('web.1*1');
    await until(() => first.server?.followers === 1, 'a follower');
    jest.spyOn(first.history, 'heartbeat').mockReturnValue('x');
    await until(() => log.count('was silent') > 0, 'the refusal');
  });
});

describe('read once, for `plan` on a worker', () => {
  test('gives the state of a manager whose Docker answers', async () => {
    await Promise.all([started(first, 1), started(second, 2)]);
    first.history.setAvailable(false);
    expect((await sourceOf([first, second]).read(AbortSignal.timeout(30_000))).tasks).toHaveLength(2);
  });

  test('says what to do when nobody answers', async () => {
    const port = await freePort();
    const source = relaySource({ managers: () => [{ nodeId: 'm1', host: '127.0.0.1', port }], credentials: () => worker, events: log.events });
    await expect(source.read(AbortSignal.timeout(30_000))).rejects.toThrow('does routemesh run on it?');
  });
});

describe('a manager that gives its state for ever', () => {
  test('is left for another: neither a drip of bytes nor a giant state is waited for', async () => {
    await Promise.all([started(first, 1), started(second, 2)]);
    const drip = jest.spyOn(Object.getPrototypeOf(first.server) as { list(response: ServerResponse): void }, 'list').mockImplementationOnce((response) => {
      response.writeHead(200, { 'content-length': 1_000_000 });
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    const managers = [first];
    follow(managers, { patience: { silence: 500, listing: 700 } });
    await recorder.until('did not end its answer within 0.7 s');
    expect(drip).toHaveBeenCalled();
    managers.unshift(second);
    managers.pop();
    await recorder.until('web.2*1');
  });
});
