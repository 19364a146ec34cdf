/** A controller that starts while the node's Docker hangs finds the tasks that live by what the kernel holds. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { initialise, NetworkNamespace } from '../../../native/index.js';
import type { Task } from '../../../src/cluster/state.js';
import { findTasks, watchNamespaces } from '../../../src/kernel/task-search.js';
import { ip } from './bed.js';

const namespaces = ['rmt-alive', 'rmt-twin'] as const;
const [alive, twin] = namespaces;
const processes: ChildProcess[] = [];

function task(id: string, address: string, prefixLength = 24): Task {
  return { id, name: id, serviceId: 'web', nodeId: 'n1', identity: { address, prefixLength }, weight: 1 };
}

/** A process that lives in the namespace; resolves once it does. */
async function live(namespace: string): Promise<ChildProcess> {
  const child = spawn('nsenter', [`--net=/run/netns/${namespace}`, 'sh', '-c', 'echo up; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  processes.push(child);
  await once(child.stdout, 'data');
  return child;
}

beforeAll(async () => {
  await initialise();
  for (const namespace of namespaces) {
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'add', 'name', 'eth0', 'type', 'bridge');
    ip('-n', namespace, 'address', 'add', '203.0.113.7/24', 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  }
  ip('-n', alive, 'address', 'add', '203.0.113.5/24', 'dev', 'eth0');
});
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
  for (const namespace of namespaces) ip('netns', 'delete', namespace);
});

test('a task is found while a process lives with its identity, and no longer', async () => {
  expect([...findTasks([task('t1', '203.0.113.5')])]).toEqual([]);
  const child = await live(alive);
  expect([...findTasks([task('t1', '203.0.113.5'), task('t2', '203.0.113.6')])]).toEqual([['t1', { taskId: 't1', namespace: `/proc/${child.pid}/ns/net` }]]);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect([...findTasks([task('t1', '203.0.113.5')])]).toEqual([]);
});

test('our own cable, another prefix length, and an identity that two namespaces hold are not taken for the task', async () => {
  await live(alive);
  ip('-n', alive, 'link', 'add', 'name', 'mesh0', 'type', 'bridge');
  ip('-n', alive, 'address', 'add', '203.0.113.9/24', 'dev', 'mesh0');
  expect([...findTasks([task('cable', '203.0.113.9'), task('other', '203.0.113.5', 16)])]).toEqual([]);
  expect(findTasks([task('both', '203.0.113.7')]).size).toBe(1);
  await live(twin);
  expect(findTasks([task('both', '203.0.113.7')]).size).toBe(0);
});

test('a container that is being set up is heard of, and its task found once its device is up: before it runs', async () => {
  ip('link', 'add', 'name', 'rmt-v0', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', alive);
  const host = NetworkNamespace.at('/proc/self/ns/net');
  let heard: () => void = () => undefined;
  const watch = watchNamespaces(host, () => { heard(); });
  const hint = (action: () => void): Promise<void> => {
    const told = new Promise<void>((resolve) => { heard = resolve; });
    action();
    return told;
  };
  try {
    const child = await live(alive);
    await hint(() => { ip('-n', alive, 'address', 'add', '203.0.113.8/24', 'dev', 'eth1'); });
    expect([...findTasks([task('t1', '203.0.113.8')])]).toEqual([]);
    await hint(() => { ip('-n', alive, 'link', 'set', 'eth1', 'up'); });
    const [found] = [...findTasks([task('t1', '203.0.113.8')]).values()];
    expect(found?.namespace).toMatch(/^\/proc\/\d+\/ns\/net$/);
    expect([...findTasks([task('t1', '203.0.113.8')], [`/proc/${child.pid}/ns/net`])]).toEqual([]);
  } finally {
    watch.close();
    host.close();
    ip('link', 'delete', 'rmt-v0');
  }
});
