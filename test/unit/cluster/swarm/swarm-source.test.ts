import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerSource } from '../../../../src/cluster/docker/docker-source.js';
import { dockerSwarmInfo } from '../../../../src/cluster/docker/swarm-info.js';
import type { RelayRole } from '../../../../src/cluster/relay/certificates.js';
import { CredentialStore } from '../../../../src/cluster/relay/credential-store.js';
import { relaySource } from '../../../../src/cluster/relay/relay-source.js';
import { NewsCourier } from '../../../../src/cluster/relay/news-courier.js';
import { FirstHand } from '../../../../src/cluster/swarm/first-hand.js';
import type { SwarmMembership } from '../../../../src/cluster/swarm/membership.js';
import { NewsBoard } from '../../../../src/cluster/swarm/news-board.js';
import { NodeChangedError, swarmSource } from '../../../../src/cluster/swarm/swarm-source.js';
import { Backoff } from '../../../../src/controller/backoff.js';
import { RelayPublisher } from '../../../../src/server/relay-publisher.js';
import { FakeDockerd } from '../docker/fake-dockerd.js';
import { clusterJson, ingress, serviceJson, taskJson, tcp8080 } from '../docker/swarm-json.js';
import { Recorder } from '../recorder.js';
import { authority, credentialsOf, freePort, KeptLog, TestManager, until } from '../relay/cluster.js';
import { web } from '../relay/states.js';
import { SwarmFolder } from '../relay/swarm-folder.js';

/** What `docker info` says of the node `own`; the other manager is `m1`, whose relay a test runs. */
interface Part {
  readonly role: 'manager' | 'worker';
  readonly nodeId?: string;
  readonly localState?: string;
  /** Whom Docker names. */
  readonly manager?: string;
}

let root: string;
let dockerd: FakeDockerd;
let folder: SwarmFolder;
let other: TestManager;
let recorder: Recorder;
let log: KeptLog;
let stop: AbortController;
let running: Promise<void>;
let port: number;
let remembered: SwarmMembership[];
let source: ReturnType<typeof swarmSource>;
let firstHand: FirstHand;
let news: NewsBoard;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'routemesh-swarm-'));
  dockerd = new FakeDockerd(join(root, 'docker.sock'));
  dockerd.cluster = cluster(1);
  folder = new SwarmFolder(root);
  other = new TestManager('m1');
  recorder = new Recorder();
  log = new KeptLog();
  stop = new AbortController();
  running = Promise.resolve();
  port = await freePort();
  remembered = [];
  firstHand = new FirstHand();
  news = new NewsBoard();
  await dockerd.start();
});
afterEach(async () => {
  stop.abort();
  await running.catch(() => undefined);
  await Promise.all([dockerd.stop(), other.stop()]);
  await rm(root, { recursive: true });
});

function cluster(replicas: number) {
  const tasks = Array.from({ length: replicas }, (_, n) => taskJson(`t${n + 1}`, { service: 'webid', node: 'alphaid', slot: n + 1, attachments: [[ingress, `10.0.0.${n + 8}/24`]] }));
  return clusterJson({ services: [serviceJson('webid', { ports: [tcp8080], replicas })], tasks });
}

function infoOf({ role, nodeId = 'own', localState = 'active', manager = 'm1' }: Part): unknown {
  return {
    Name: 'h9',
    Swarm: {
      NodeID: localState === 'inactive' ? '' : nodeId,
      NodeAddr: '127.0.0.1',
      LocalNodeState: localState,
      ControlAvailable: role === 'manager' && localState === 'active',
      // Where it listens is the test's to say: managers have no loopback addresses.
      RemoteManagers: [{ NodeID: manager, Addr: '192.0.2.1:2377' }],
    },
  };
}

async function is(part: Part): Promise<void> {
  const { role, nodeId = 'own' } = part;
  dockerd.info = infoOf(part);
  await folder.write(authority, nodeId, `swarm-${role}` satisfies RelayRole);
}

function follow(role: 'manager' | 'worker', nodeId = 'own'): void {
  const credentials = new CredentialStore({ paths: folder.paths, logger: log, pollMilliseconds: 100 });
  const membership: SwarmMembership = { nodeId, name: 'h9', role, address: '127.0.0.1', managers: [{ nodeId: 'm1', host: '192.0.2.1' }], dockerRoot: root };
  source = swarmSource({
    membership,
    ask: (signal) => dockerSwarmInfo({ socket: dockerd.socket, requestMilliseconds: 500 }, signal),
    remember: (now) => {
      remembered.push(now);
      return Promise.resolve();
    },
    docker: dockerSource({ socket: dockerd.socket, requestMilliseconds: 1_500, intervals: { slow: 50 } }),
    relay: (managers, onlyAvailable) =>
      relaySource({
        managers: () => managers().map(({ nodeId }) => ({ ...other.address, nodeId })),
        credentials: () => credentials.current,
        events: log.events,
        onlyAvailable,
        patience: { silence: 30_000, listing: 30_000 },
        backoff: new Backoff({ firstMilliseconds: 20, limitMilliseconds: 100 }),
      }),
    credentials,
    publisher: new RelayPublisher({ port, credentials, onNews: (nodeId, said) => { news.put(nodeId, said); }, events: log.events, logger: log }),
    firstHand,
    courier: (managers) => new NewsCourier({ managers: () => managers().map(({ nodeId }) => ({ ...other.address, nodeId })), credentials: () => credentials.current, logger: log }),
    news,
    relayAddress: null,
    events: log.events,
    logger: log,
    intervals: { look: 100, watchedLook: 600_000, afterChange: 0, patience: 200 },
  });
  running = source.follow(recorder, stop.signal);
}

/** A manager that has heard its own Docker's one task, and, once that Docker fails, another manager's five. */
async function followAnotherManager(): Promise<void> {
  await is({ role: 'manager' });
  other.history.publish(web(5));
  await other.start();
  follow('manager');
  await recorder.until('web.1*1');
  dockerd.failure = 'error';
  await recorder.until('web.5*1');
}

/** A worker that has heard of the other manager's three tasks. */
async function followAsWorker(): Promise<void> {
  await is({ role: 'worker' });
  follow('worker');
  await recorder.until('web.3*1');
}

/** The state that this node's own relay serves to a worker; null while nobody listens. */
async function served(): Promise<number | null> {
  const relay = relaySource({ managers: () => [{ nodeId: 'own', host: '127.0.0.1', port }], credentials: () => credentialsOf('betaid', 'swarm-worker'), events: log.events });
  return relay.read(AbortSignal.timeout(30_000)).then(({ tasks }) => tasks.length, () => null);
}

async function untilServed(expected: number | null): Promise<void> {
  for (let attempt = 0; (await served()) !== expected; attempt++) {
    if (attempt > 200) throw new Error(`Expected the relay to serve ${expected}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a manager', () => {
  test('asks its own Docker and serves what it hears, and says so', async () => {
    await is({ role: 'manager' });
    follow('manager');
    await recorder.until('web.1*1');
    await untilServed(1);
    dockerd.cluster = cluster(2);
    await untilServed(2);
    expect(source.description).toBe(`manager: docker on ${dockerd.socket}, polled, relay on 127.0.0.1:${port} (0 followers)`);
  });

  test('whose Docker fails follows another manager after a while, and its own again when it answers', async () => {
    await followAnotherManager();
    expect(source.description).toContain('for now relay of manager m1');
    dockerd.cluster = cluster(2);
    dockerd.failure = 'none';
    await recorder.until('state: 8080 web.1*1 web.2*1');
    await until(() => other.server?.followers === 0, 'no follower of the other manager');
  });

  test('does not pass on what it heard of another: followers find that one by themselves', async () => {
    await followAnotherManager();
    expect(await served()).toBe(1);
  });

  test('is no manager for others while its certificate is a worker’s', async () => {
    await is({ role: 'manager' });
    await folder.write(authority, 'own', 'swarm-worker');
    follow('manager');
    await recorder.until('web.1*1');
    expect(source.description).toContain('still a worker’s');
    expect(await served()).toBeNull();
    await folder.write(authority, 'own', 'swarm-manager');
    await untilServed(1);
  });

  test('tells why its port can’t be had, and takes it when it is free', async () => {
    await is({ role: 'manager' });
    const blocker = new TestManager('blocker');
    await blocker.start();
    port = blocker.address.port;
    follow('manager');
    await recorder.until('web.1*1');
    await until(() => source.description.includes("can't be listened on"), 'the reason');
    await blocker.stop();
    await untilServed(1);
  });
});

describe('a container that dies', () => {
  const alive = (...ids: readonly string[]) => { firstHand.onLocalTasks(new Map(ids.map((taskId) => [taskId, { taskId, namespace: `/proc/${taskId}/ns/net`, isReady: true }]))); };

  test('on another node leaves a manager’s state as soon as that node says so, and comes back with what Docker says later', async () => {
    await is({ role: 'manager' });
    dockerd.cluster = cluster(2);
    follow('manager');
    await recorder.until('web.1*1 web.2*1');
    await untilServed(2);
    news.put('alphaid', { gone: ['t2'], running: [] });
    await untilServed(1);
    expect(recorder.log.at(-1)).toBe('state: 8080 web.1*1');
    news.put('alphaid', { gone: [], running: [] });
    await untilServed(2);
  });

  test('on a worker is told to its managers', async () => {
    await is({ role: 'worker' });
    other.history.publish(web(3));
    await other.start();
    follow('worker');
    await recorder.until('web.3*1');
    alive('t2', 't4');
    alive('t2');
    await until(() => other.heard.some(([, { gone }]) => gone.length > 0), 'the news');
    expect(other.heard.at(-1)).toEqual(['own', { gone: ['t4'], running: [] }]);
  });

  test('on a worker leaves its own state at once, whatever the managers make of it', async () => {
    await is({ role: 'worker' });
    const { tasks, ...rest } = web(3);
    other.history.publish({ ...rest, tasks: tasks.map((task) => (task.id === 't3' ? { ...task, nodeId: 'own' } : task)) });
    await other.start();
    follow('worker');
    await recorder.until('web.3*1');
    alive('t3');
    alive();
    await recorder.until('state: 8080 web.1*1 web.2*1', 2);
    expect(recorder.log.at(-1)).toBe('state: 8080 web.1*1 web.2*1');
  });

  test('on a manager is told to the other managers, and known to itself', async () => {
    await is({ role: 'manager', nodeId: 'alphaid' });
    other.history.publish({ ...web(3), nodes: [...web(3).nodes, { id: 'alphaid', name: 'h9', address: '192.168.56.19', ready: true }] });
    await other.start();
    follow('manager', 'alphaid');
    await recorder.until('web.1*1');
    alive('t1');
    alive();
    await recorder.until('state: 8080', 2);
    expect(recorder.log.at(-1)).toBe('state: 8080');
    await until(() => other.heard.some(([, { gone }]) => gone.length > 0), 'the news');
    expect(other.heard.at(-1)).toEqual(['alphaid', { gone: ['t1'], running: [] }]);
  });
});

describe('a worker', () => {
  beforeEach(async () => {
    other.history.publish(web(3));
    await other.start();
  });

  test('follows the managers that its Docker names', async () => {
    await followAsWorker();
    await until(() => source.description.startsWith('worker: relay of manager m1'), 'the description');
    expect(await served()).toBeNull();
  });

  test('asks its Docker seldom while Swarm’s folder tells when to, and hears of other managers at once', async () => {
    const places = join(root, 'swarm');
    await mkdir(places, { recursive: true });
    await writeFile(join(places, 'state.json'), '[]');
    await is({ role: 'worker' });
    await followAsWorker();
    const asked = (): number => dockerd.requests.filter((path) => path.endsWith('/info')).length;
    const before = asked();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked()).toBe(before);

    dockerd.info = infoOf({ role: 'worker', manager: 'm2' });
    await writeFile(join(places, 'state.json'), '[{"node_id":"m2","addr":"192.0.2.1:2377"}]');
    await until(() => remembered.at(-1)?.managers[0]?.nodeId === 'm2', 'the other manager');
  });

  test('goes on while its Docker hangs, or is only starting', async () => {
    await followAsWorker();
    dockerd.failure = 'hang';
    other.history.publish(web(4));
    await recorder.until('web.4*1');
    dockerd.failure = 'none';
    await is({ role: 'worker', localState: 'pending' });
    await new Promise((resolve) => setTimeout(resolve, 300));
    other.history.publish(web(5));
    await recorder.until('web.5*1');
    expect(recorder.count('unavailable')).toBe(0);
  });

  test('that is promoted asks its own Docker and serves, and follows again when it is demoted', async () => {
    await followAsWorker();

    await is({ role: 'manager' });
    await recorder.until('state: 8080 web.1*1');
    await untilServed(1);
    expect(remembered.at(-1)?.role).toBe('manager');

    await is({ role: 'worker' });
    await recorder.until('web.3*1', 2);
    await untilServed(null);
    expect(recorder.count('unavailable')).toBe(0);
  });

  test('whose certificate can’t be read says so, and follows when it can', async () => {
    await is({ role: 'worker' });
    await rm(folder.paths.key);
    follow('worker');
    await recorder.until("swarm-node.key can't be read");
    await is({ role: 'worker' });
    await recorder.until('web.3*1');
  });

  test('that leaves its Swarm keeps the last state, and says so', async () => {
    await followAsWorker();
    await is({ role: 'worker', localState: 'inactive' });
    await recorder.until('has left its Swarm');
  });

  test('that joined anew is another node: the controller must start again', async () => {
    await followAsWorker();
    // Heard from the start: it may end while the files are still being written.
    const ended = expect(running).rejects.toThrow(NodeChangedError);
    await is({ role: 'worker', nodeId: 'reborn' });
    await ended;
  });
});
