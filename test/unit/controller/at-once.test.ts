import { afterEach, expect, it } from '@jest/globals';
import type { ClusterListener } from '../../../src/cluster/source.js';
import type { ClusterNode, ClusterState } from '../../../src/cluster/state.js';
import { Controller } from '../../../src/controller/controller.js';
import { EventLog } from '../../../src/controller/event-log.js';
import type { MeshKernel } from '../../../src/controller/mesh-kernel.js';
import type { Change } from '../../../src/kernel/change.js';
import { connectionKey, type ConnectionCount } from '../../../src/kernel/connections.js';
import { differenceOfPlans, ipvsDifferenceOfPlans, notYetReached } from '../../../src/kernel/difference.js';
import type { Doubted, Glance } from '../../../src/kernel/glance.js';
import { silentEvents } from '../../../src/event.js';
import { silentLogger } from '../../../src/log.js';
import { defaultSettings } from '../../../src/settings.js';
import { cluster, nodeId, port, service, task } from '../plan/fixtures.js';

const node = (number: number): ClusterNode => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true });
const local = task('web', 1);
const remote = task('web', 2, { nodeId: 'node2' });
const web: ClusterState = cluster({ nodes: [node(1), node(2)], services: [service('web', [port(8080, 80)])], tasks: [local, remote] });

/** A kernel that holds whatever was planned, and writes down what is asked of it. */
function bed() {
  const calls: string[] = [];
  const counts = new Map<string, ConnectionCount>();
  let answering = true;
  let refusals = 0;
  let looking: Promise<void> = Promise.resolve();
  let found: readonly Change[] = [];
  const living = new Set<string>();
  let hint: (what: string, doubted: Doubted) => void = () => undefined;
  let called: () => void = () => undefined;
  let listener: ClusterListener | null = null;
  let turn: 'before others' | 'behind others' = 'before others';
  const turns: string[] = [];
  const note = (call: string) => { calls.push(call); turns.push(`${call.replace(/[; ].*/, '')} ${turn}`); called(); };
  const kernel: MeshKernel = {
    release: '6.1.0',
    underlayMtu: () => 1500,
    resolveTask: (path) => ({ path, device: 'eth0' }),
    findTasks: (tasks) => new Map(tasks.filter(({ id }) => living.has(id)).map(({ id }) => [id, { taskId: id, namespace: '/proc/self/ns/net' }])),
    watchNamespaces: () => ({ close: () => undefined }),
    portsHeldByOthers: () => new Map(),
    difference: async (_plan, signal, glance?: Glance) => { note(glance === undefined ? 'look' : `look at ${[...glance.doubted].map(([place, tellers]) => `${place} (${[...tellers].sort().join(', ')})`).sort().join(', ')}`); await Promise.race([looking, aborted(signal)]); return found; },
    differenceFrom: differenceOfPlans,
    ipvsDifferenceFrom: ipvsDifferenceOfPlans,
    notYetReached,
    apply: (_plan, changes) => {
      note(changes.map(({ summary }) => summary).join('; '));
      const isRefused = refusals > 0;
      refusals -= isRefused ? 1 : 0;
      return Promise.resolve(isRefused ? { applied: [], failed: changes.map((change) => ({ change, error: new Error('refused') })) } : { applied: changes, failed: [] });
    },
    applyAtOnce: (changes) => { note(`at once: ${changes.map(({ summary }) => summary).join('; ')}`); return changes; },
    connections: () => counts,
    statistics: () => Promise.resolve({ ports: new Map(), realServers: new Map() }),
    probe: () => ({
      ask: (_source, questions, onReply) => questions.map(({ destination, sequence }) => {
        if (answering) onReply(destination, sequence);
        return null;
      }),
      listen: () => undefined,
      read: () => undefined,
      readWithin: () => undefined,
      close: () => undefined,
    }),
    watch: (onChange) => { hint = onChange; },
    close: () => undefined,
  };
  const aborted = (signal?: AbortSignal) => new Promise<never>((_resolve, reject) => { signal?.addEventListener('abort', () => { reject(signal.reason as Error); }); });
  const untilAborted = (signal: AbortSignal) => new Promise<void>((resolve) => { signal.addEventListener('abort', () => { resolve(); }); });
  const controller = new Controller({
    version: 'test',
    settings: { ...defaultSettings, peerTimeoutMilliseconds: 200 },
    node: { id: nodeId, name: 'h1' },
    source: { description: 'test', read: () => Promise.resolve(web), follow: (to, signal) => { listener = to; to.onState(web, 'start'); return untilAborted(signal); } },
    localTasks: {
      read: () => Promise.resolve(new Map()),
      follow: (to, signal) => { to.onLocalTasks(new Map([[local.id, { taskId: local.id, namespace: '/proc/1/ns/net' }]]), 'start'); return untilAborted(signal); },
    },
    kernel,
    store: { load: () => Promise.resolve(null), save: () => Promise.resolve() },
    eventLog: new EventLog(),
    events: silentEvents,
    logger: silentLogger,
    priority: { raise: () => { turn = 'before others'; }, lower: () => { turn = 'behind others'; } },
  });
  return {
    calls, controller, counts,
    /** The first words of the calls, and whose turn it was. */
    turns: () => [...turns.splice(0), turn],
    /** The next look lasts until it is ended with what it finds. */
    holdLook: () => {
      let end: () => void = () => undefined;
      looking = new Promise((resolve) => { end = resolve; });
      return (changes: readonly Change[]) => { found = changes; end(); };
    },
    hint: (what: string, doubted: Doubted = new Map([['sandbox', new Set(['rtnetlink'])]])) => { hint(what, doubted); },
    /** Its container has a namespace from now on. */
    find: (taskId: string) => { living.add(taskId); },
    refuse: (times: number) => { refusals = times; },
    silence: (is: boolean) => { answering = !is; },
    tell: (state: ClusterState) => listener?.onState(state, 'test'),
    /** Resolves with the calls since the last time, once as many syncs have ended as `syncs` and one more. */
    afterOneMore: async (syncs: number): Promise<string[]> => {
      while (controller.report().syncs <= syncs) await new Promise((resolve) => setImmediate(resolve));
      return calls.splice(0);
    },
    /** Resolves with the calls since the last time, once there are so many. */
    next: async (count: number): Promise<string[]> => {
      while (calls.length < count) await new Promise<void>((resolve) => { called = resolve; });
      return calls.splice(0);
    },
  };
}

let stopping: (() => Promise<void>) | undefined;
afterEach(async () => { await stopping?.(); });

async function running(): Promise<ReturnType<typeof bed>> {
  const started = bed();
  const aborting = new AbortController();
  const ended = started.controller.run(aborting.signal);
  stopping = async () => { aborting.abort(); await ended; };
  expect((await started.next(1))[0]).toBe('look');
  while (!started.controller.report().programmed) await new Promise((resolve) => setImmediate(resolve));
  return started;
}

const lost = (summary: string, key: string): Change => ({ kind: 'ipvs', place: 'sandbox', action: 'change', key, summary });
const weight = (change: string) => `destination 10.0.0.6:80 of tcp/8080 (mark 0x61f90) weight ${change}`;

it('a peer that falls silent gets no new connections without a look at the kernel, and gets them again so', async () => {
  const { silence, afterOneMore, controller } = await running();
  const peers = () => controller.report().peers.map(({ name, state }) => `${name} ${state}`).join();
  while (peers() !== 'h2 alive') await new Promise((resolve) => setImmediate(resolve));

  let { syncs } = controller.report();
  silence(true);
  expect(await afterOneMore(syncs)).toEqual([`at once: ${weight('1 → 0')}`]);
  expect(peers()).toBe('h2 dead');

  ({ syncs } = controller.report());
  silence(false);
  expect(await afterOneMore(syncs)).toEqual([`at once: ${weight('0 → 1')}`]);
});

it('a task that is no longer desired gets no new connections without a look at the kernel, on every node', async () => {
  const { tell, afterOneMore, controller } = await running();
  const { syncs } = controller.report();

  tell({ ...web, tasks: [local, { ...remote, weight: 0 }] });

  expect(await afterOneMore(syncs)).toEqual([`at once: ${weight('1 → 0')}`]);
});

it.each([
  ['another node', { ...task('web', 4, { nodeId: 'node2' }) }, /route 10\.0\.0\.8\/32/],
  ['this node, whose namespace was found while Docker started its container', task('web', 3), /veth/],
])('a task that was awaited gets connections as soon as it runs, in one message and without a look at the kernel: of %s', async (_of, begun, way) => {
  const { tell, find, next, afterOneMore, controller } = await running();
  find(begun.id);
  tell({ ...web, tasks: [local, remote, { ...begun, weight: 0, starting: true }] });
  // Its way is laid; its own node's cable once its namespace is found.
  const steps: string[] = [];
  while (!steps.some((step) => way.test(step))) steps.push(...await next(1));
  expect(steps.join()).not.toContain('destination');
  while (controller.insight().unreachedTasks.length > 0) await new Promise((resolve) => setImmediate(resolve));
  const { syncs } = controller.report();

  tell({ ...web, tasks: [local, remote, begun] });

  const added = `destination ${begun.identity.address}:80 of tcp/8080 (mark 0x61f90) weight 1`;
  expect(await afterOneMore(syncs)).toEqual([`at once: ${added}`]);
});

it('a task that was awaited gets connections as soon as it runs although the cable to another one of this node is yet to be laid', async () => {
  const { tell, find, next, controller } = await running();
  const [awaited, other] = [task('web', 4, { nodeId: 'node2' }), task('web', 3)];
  tell({ ...web, tasks: [local, remote, { ...awaited, weight: 0, starting: true }] });
  await next(1);
  while (controller.insight().unreachedTasks.length > 0) await new Promise((resolve) => setImmediate(resolve));
  find(other.id);

  tell({ ...web, tasks: [local, remote, other, awaited] });

  const [first] = await next(1);
  expect(first).toMatch(/^at once: destination 10\.0\.0\.8:80 /);
  expect(first).not.toContain(`destination ${other.identity.address}`);
});

it('what the kernel holds already is told of by the next sync for something else, or soon: where tasks come and go there is none for each', async () => {
  const { tell, next, afterOneMore, controller } = await running();
  while (!controller.report().programmed) await new Promise((resolve) => setImmediate(resolve));
  const { syncs } = controller.report();
  for (const weight of [0, 1, 0]) {
    tell({ ...web, tasks: [local, { ...remote, weight }] });
    await next(1);
  }
  await afterOneMore(syncs);
  expect(controller.report().syncs).toBe(syncs + 1);
});

it('a task that nobody awaited gets none before its way is laid', async () => {
  const { tell, next } = await running();

  tell({ ...web, tasks: [local, remote, task('web', 4, { nodeId: 'node2' })] });

  const [first] = await next(1);
  expect(first).not.toMatch(/^at once/);
  expect(first).toMatch(/route 10\.0\.0\.8\/32 .*destination 10\.0\.0\.8:80 /);
});

it('not even a look that is under way is waited for, and what it found by then undoes nothing', async () => {
  const { tell, next, hint, holdLook } = await running();
  const endLook = holdLook();
  hint('test');
  expect(await next(1)).toEqual(['look at sandbox (rtnetlink)']);

  const draining = { ...web, tasks: [local, { ...remote, weight: 0 }] };
  tell(draining);
  expect(await next(1)).toEqual([`at once: ${weight('1 → 0')}`]);

  // The look saw the weight of 0, and its plan still said 1. What somebody else took is put right all the same.
  endLook([lost('destination 10.0.0.6:80 of tcp/8080 (mark 0x61f90) weight 0 → 1', 'tcp/8080 (mark 0x61f90) 10.0.0.6:80'), lost('timeouts', 'timeouts')]);
  expect(await next(1)).toEqual(['timeouts']);
});

it('a task of another node that has ended is taken out before its routes go: nothing lingers where nobody answers', async () => {
  const { tell, next } = await running();

  tell({ ...web, tasks: [local] });

  const [first, then] = await next(2);
  expect(first).toBe('at once: destination 10.0.0.6:80 of tcp/8080 (mark 0x61f90)');
  expect(then).toMatch(/route 10\.0\.0\.6\/32 .*; rule filter FORWARD -d 10\.0\.0\.6\/32 /);
});

it('whoever connects while a service is left to dockerd is not refused: the real servers keep their weight until our DNAT is gone', async () => {
  const { tell, next } = await running();

  tell({ ...web, services: [], tasks: [] });

  const [first] = await next(1);
  expect(first).not.toMatch(/^at once/);
  expect(first).toContain(weight('1 → 0'));
});

it('a draining task keeps its cable although nobody here is connected: other nodes’ clients may be, and only those nodes know', async () => {
  const { tell, afterOneMore, counts, controller } = await running();
  counts.set(connectionKey(0x61f90, '10.0.0.5', 80), { active: 0, inactive: 0 });
  const draining = { ...web, tasks: [{ ...local, weight: 0 }, remote] };
  let { syncs } = controller.report();
  tell(draining);
  await afterOneMore(syncs);

  ({ syncs } = controller.report());
  tell({ ...draining, nodes: [node(1), { ...node(2), name: 'renamed' }] });
  await afterOneMore(syncs);

  expect(controller.report().ports[0]?.backends.map(({ taskName, weight: now }) => `${taskName} ${now}`)).toEqual(['web.1 0', 'web.2 1']);
});

it('what somebody else took is counted as repaired, also where it takes a second try', async () => {
  const { hint, holdLook, refuse, next, controller } = await running();
  const end = holdLook();
  refuse(1);
  hint('sandbox changed');
  expect(await next(1)).toEqual(['look at sandbox (rtnetlink)']);
  end([lost(weight('7 → 1'), 'destination')]);

  expect(await next(3)).toEqual([weight('7 → 1'), 'look', weight('7 → 1')]);
  while (!controller.report().programmed) await new Promise((resolve) => setImmediate(resolve));
  expect(controller.report().repairs).toEqual({ ipvs: 1 });
});

it('a change that meets a long look is programmed without waiting for it, told once, and the look is made up for', async () => {
  const { tell, next, hint, holdLook, controller } = await running();
  const endLook = holdLook();
  hint('test');
  expect(await next(1)).toEqual(['look at sandbox (rtnetlink)']);
  const { syncs } = controller.report();

  tell({ ...web, tasks: [local, { ...remote, weight: 0 }] });

  expect(await next(2)).toEqual([`at once: ${weight('1 → 0')}`, 'look at sandbox (rtnetlink)']);
  endLook([]);
  while (controller.report().syncs < syncs + 2) await new Promise((resolve) => setImmediate(resolve));
  expect(controller.report().programmed).toBe(true);
});

it('a real server that was taken out for a moment, while something else was looked for, gets its weight back: what IPVS holds is looked at', async () => {
  const { tell, next, hint, holdLook } = await running();
  const endLook = holdLook();
  hint('test');
  expect(await next(1)).toEqual(['look at sandbox (rtnetlink)']);
  tell({ ...web, tasks: [local, { ...remote, weight: 0 }] });
  expect(await next(1)).toEqual([`at once: ${weight('1 → 0')}`]);

  tell(web);
  await new Promise((resolve) => setImmediate(resolve));
  endLook([]);

  expect(await next(1)).toEqual(['look at sandbox (ipvs)']);
});

it('where somebody took something, all is looked at soon: who flushes rules flushes IPVS as well, and that gives no hint', async () => {
  const { hint, holdLook, next } = await running();
  const end = holdLook();
  hint('sandbox changed');
  expect(await next(1)).toEqual(['look at sandbox (rtnetlink)']);

  end([lost('route', 'route')]);

  expect(await next(2)).toEqual(['route', 'look']);
  // The regular look comes after ten.
}, 8_000);

it('a service none of whose tasks runs yet is prepared for behind the node’s other programs: Docker starts the very container that it is done for', async () => {
  const { tell, next, turns, afterOneMore, controller } = await running();
  expect(turns()).toEqual(['look before others', 'before others']);

  const published = { ...web, services: [...web.services, service('shop', [port(9090, 80)])] };
  const begins = task('shop', 4, { nodeId: 'node2' });
  const { syncs } = controller.report();
  tell(published);
  await afterOneMore(syncs);
  expect(turns()).toEqual(['virtual behind others', 'before others']);

  tell({ ...published, tasks: [local, remote, { ...begins, weight: 0, starting: true }] });
  await afterOneMore(syncs + 1);
  expect(turns()).toEqual(['rule behind others', 'before others']);

  tell({ ...published, tasks: [local, remote, begins] });
  await next(1);
  expect(turns()[0]).toMatch(/ before others$/);
});

it('what the kernel hints at is looked at there and nowhere else: with many tasks on a node all of them would be looked at for each', async () => {
  const { hint, next } = await running();

  hint('fabric changed', new Map([['fabric', new Set(['rtnetlink'])], ['task:web1', new Set(['rtnetlink'])]]));
  hint('host changed', new Map([['host', new Set(['nftables'])]]));
  hint('fabric changed', new Map([['fabric', new Set(['nftables'])]]));

  expect(await next(1)).toEqual(['look at fabric (nftables, rtnetlink), host (nftables), task:web1 (rtnetlink)']);
  hint('so much that it can’t be told', 'everywhere');
  expect(await next(1)).toEqual(['look']);
});
