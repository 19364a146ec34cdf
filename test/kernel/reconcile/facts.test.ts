/** What the plan must know of the node before it is made: tasks' namespaces, ports that others hold. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { afterAll, beforeAll, expect, test } from '@jest/globals';

import { cleanup } from '../../../src/kernel/cleanup.js';
import type { Engine } from '../../../src/kernel/engine.js';
import { TaskNamespaceError } from '../../../src/kernel/task-namespace.js';
import { Bed, furnish, hasNft, host, ip, sh, soon, taskNamespaces, told } from './bed.js';

let bed: Bed;
let engine: Engine;
const listeners: ChildProcess[] = [];

beforeAll(async () => {
  bed = await Bed.make();
  engine = await bed.engine();
});
afterAll(() => {
  for (const child of listeners) child.kill('SIGKILL');
  engine.close();
  bed.close();
});

/** A program of the host's that calls itself so and listens on the port. */
async function listenAs(name: string, port: number): Promise<ChildProcess> {
  const program = `require('fs').writeFileSync('/proc/self/comm', '${name}'); require('net').createServer().listen(${port}, '127.0.0.1', () => console.log('up'))`;
  const child = spawn('nsenter', [`--net=/run/netns/${host}`, process.execPath, '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  listeners.push(child);
  await once(child.stdout, 'data');
  return child;
}

const problemOf = (look: () => unknown): unknown => {
  try {
    return look();
  } catch (error) {
    return error instanceof TaskNamespaceError ? error.problem : error;
  }
};

test('a task is found by the device that carries its identity, never by our own cable', () => {
  const path = `/run/netns/${taskNamespaces[0]}`;
  ip('-n', taskNamespaces[0], 'link', 'add', 'name', 'mesh0', 'type', 'bridge');
  ip('-n', taskNamespaces[0], 'address', 'add', '10.0.0.5/32', 'dev', 'mesh0');
  expect(engine.resolveTask(path, '10.0.0.5')).toEqual({ path, device: 'eth0' });
  ip('-n', taskNamespaces[0], 'link', 'delete', 'mesh0');
});

test('a process id that is another program’s by now is not taken for the task', () => {
  expect(problemOf(() => engine.resolveTask(`/run/netns/${taskNamespaces[0]}`, '10.0.0.99'))).toBe('identity-missing');
  expect(problemOf(() => engine.resolveTask('/proc/4194304/ns/net', '10.0.0.5'))).toBe('gone');
  expect(problemOf(() => engine.resolveTask('/etc/hostname', '10.0.0.5'))).toBe('gone');
});

test('packets between nodes are made to fit the cable that carries the node’s address, whatever kind it is', () => {
  expect(engine.underlayMtu('192.168.56.11')).toBe(1500);
  ip('-n', host, 'link', 'set', 'ens1', 'mtu', '9000');
  expect(engine.underlayMtu('192.168.56.11')).toBe(9000);
  ip('-n', host, 'link', 'set', 'ens1', 'mtu', '1500');
  // Routed to the node: loopback's 65,536 would be refused by every cable of ours.
  ip('-n', host, 'address', 'add', '198.51.100.7/32', 'dev', 'lo');
  expect(engine.underlayMtu('198.51.100.7')).toBe(1500);
  ip('-n', host, 'address', 'delete', '198.51.100.7/32', 'dev', 'lo');
  expect([engine.underlayMtu('203.0.113.1'), engine.underlayMtu(undefined)]).toEqual([1500, 1500]);
});

test('a port on which another program listens is told with the program’s name, before it is taken from it', async () => {
  const listener = await listenAs('node', 9100);
  const ports = [9100, 9101].map((port) => ({ protocol: 'tcp' as const, port }));
  expect([...engine.portsHeldByOthers(ports)]).toEqual([['tcp/9100', `node (pid ${listener.pid})`]]);
});

test('a port that dockerd publishes is nobody else’s for as long as dockerd listens there, and told when another takes its place', async () => {
  const port = [{ protocol: 'tcp' as const, port: 9103 }];
  const end = async (child: ChildProcess): Promise<void> => {
    child.kill();
    await once(child, 'exit');
  };
  const dockerd = await listenAs('dockerd', 9103);
  expect([engine.portsHeldByOthers(port).size, engine.portsHeldByOthers(port).size]).toEqual([0, 0]);
  await end(dockerd);
  const other = await listenAs('nginx', 9103);
  expect([...engine.portsHeldByOthers(port)]).toEqual([['tcp/9103', `nginx (pid ${other.pid})`]]);
  await end(other);
  expect(engine.portsHeldByOthers(port).size).toBe(0);
});

test('a placeholder that can’t be had is one failure that names the program, and ours are not taken for others’', async () => {
  const plan = bed.plan();
  const placeholders = [{ protocol: 'tcp' as const, port: 9100 }, { protocol: 'tcp' as const, port: 9102 }];
  const onlyPlaceholders = { ...plan, places: plan.places.filter(({ place }) => place === 'host').map((place) => ({ ...place, links: [], addresses: [], sysctls: [], iptables: { chains: [], guests: [] }, placeholders })) };
  const { applied, failed } = await engine.apply(onlyPlaceholders, await engine.difference(onlyPlaceholders));
  expect(told(applied)).toEqual(['host: add placeholder tcp/9102']);
  expect(failed.map(({ error }) => error.message)).toEqual([expect.stringMatching(/^tcp port 9100 can't be held: node \(pid \d+\) listens on it/)]);
  expect(engine.portsHeldByOthers([{ protocol: 'tcp', port: 9102 }]).size).toBe(0);
});

test('on a host where nobody uses iptables, cleanup leaves no trace of it', async () => {
  const saved = (): string => sh(host, 'iptables-save').replaceAll(/^#.*\n/gm, '');
  expect(saved()).toBe('');
  const plan = bed.plan();
  await engine.apply(plan, await engine.difference(plan));
  expect(saved()).toContain('MESH-INGRESS');
  expect((await cleanup(bed.options)).failed).toEqual([]);
  if (hasNft) expect(saved()).toBe('');
});

test('somebody’s change in a watched namespace is told, so that repair need not wait for the next look', async () => {
  const told: string[] = [];
  engine.watch((what) => told.push(what));
  furnish(host, 'extra0', '192.0.2.1/24');
  for (let i = 0; i < 100 && told.length === 0; i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(told[0]).toMatch(/^host changed \(/);
});

test('containers that others start and stop on the host cost no look at the kernel; what they do to ours is told', async () => {
  const plan = bed.plan();
  await engine.apply(plan, await engine.difference(plan));
  const hints: string[] = [];
  const hintsOfRules = (): number => hints.filter((hint) => hint.includes('rule')).length;
  const hintsOf = async (change: () => void): Promise<readonly string[]> => {
    hints.length = 0;
    change();
    // What the kernel tells of this comes after what it told of that.
    ip('-n', host, 'rule', 'add', 'pref', '31000', 'lookup', 'main');
    await soon(() => { expect(hintsOfRules()).toBe(1); });
    ip('-n', host, 'rule', 'delete', 'pref', '31000');
    await soon(() => { expect(hintsOfRules()).toBe(2); });
    return [...new Set(hints.join(' ').match(/link|address|route|nftables/g))].sort();
  };
  engine.watch((what) => hints.push(what));
  // The kernel makes sure of our own devices' IPv6 addresses a second or two after they have come up.
  await soon(() => { expect(sh(host, 'ip', '-6', 'address', 'show', 'tentative')).toBe(''); });
  await hintsOf(() => sh(host, 'iptables', '-N', 'DOCKER'));
  const container = (): void => {
    ip('-n', host, 'link', 'add', 'veth1a', 'type', 'veth', 'peer', 'name', 'veth1b');
    ip('-n', host, 'link', 'set', 'veth1a', 'master', 'mesh_gwbridge', 'up');
    ip('-n', host, 'link', 'set', 'veth1b', 'up');
    ip('-n', host, 'route', 'add', '203.0.113.0/24', 'dev', 'veth1b');
    sh(host, 'iptables', '-A', 'DOCKER', '-d', '172.17.0.2', '-j', 'ACCEPT');
    ip('-n', host, 'link', 'delete', 'veth1a');
  };
  expect(await hintsOf(container)).toEqual([]);
  expect(await hintsOf(() => ip('-n', host, 'link', 'set', 'mesh_gwbridge', 'mtu', '1400'))).toContain('link');
  expect(await hintsOf(() => ip('-n', host, 'address', 'add', '192.0.2.77/24', 'dev', 'mesh_gwbridge'))).toContain('address');
  if (hasNft) {
    expect(await hintsOf(() => sh(host, 'iptables', '-I', 'FORWARD', '-j', 'DOCKER'))).toEqual(['nftables']);
    expect(await hintsOf(() => sh(host, 'iptables', '-t', 'nat', '-F', 'MESH-INGRESS'))).toEqual(['nftables']);
  }
});
