/** Namespaces, and what is done inside them: sysctls, programs, ports, monitors. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import * as native from '../../../native/index.js';
import { discard, eventually, freshNamespace, tool } from './laboratory.js';

// An emulated machine with busy neighbours is a hundred times slower than this one.
let namespace: native.NetworkNamespace;

beforeAll(async () => {
  await native.initialise();
  namespace = freshNamespace('inside');
});
afterAll(() => { discard(namespace); });

const ownNamespace = (): string => readlinkSync('/proc/thread-self/ns/net');

describe('named namespaces', () => {
  test('ip netns sees, enters and deletes ours; we see, open and delete its', () => {
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toMatch(/^rmtest-inside\b/m);
    expect(execFileSync('ip', ['netns', 'exec', 'rmtest-inside', 'readlink', '/proc/self/ns/net'], { encoding: 'utf8' }).trim())
      .toBe(`net:[${namespace.identity.inode}]`);
    execFileSync('ip', ['netns', 'add', 'rmtest-theirs']);
    expect(native.listNamedNamespaces()).toContainEqual({ name: 'rmtest-theirs', path: '/run/netns/rmtest-theirs', isStale: false });
    const theirs = native.NetworkNamespace.named('rmtest-theirs');
    expect(theirs.isSameAs(namespace)).toBe(false);
    theirs.close();
    expect(native.deleteNamedNamespace('rmtest-theirs')).toBe(true);
    expect(native.deleteNamedNamespace('rmtest-theirs')).toBe(false);
    native.createNamedNamespace('rmtest-theirs');
    execFileSync('ip', ['netns', 'delete', 'rmtest-theirs']);
    expect(native.namedNamespaceExists('rmtest-theirs')).toBe(false);
  });

  test('a name whose namespace is gone counts as none, says so when it is opened, and can be created and deleted', () => {
    mkdirSync('/run/netns', { recursive: true });
    writeFileSync('/run/netns/rmtest-stale', '');
    expect(native.namedNamespaceExists('rmtest-stale')).toBe(false);
    expect(native.listNamedNamespaces()).toContainEqual(expect.objectContaining({ name: 'rmtest-stale', isStale: true }));
    expect(() => native.NetworkNamespace.named('rmtest-stale')).toThrow(/its namespace is gone/);
    native.createNamedNamespace('rmtest-stale');
    expect(native.namedNamespaceExists('rmtest-stale')).toBe(true);
    expect(() => { native.createNamedNamespace('rmtest-stale'); }).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    native.deleteNamedNamespace('rmtest-stale');
    writeFileSync('/run/netns/rmtest-stale', '');
    expect(native.deleteNamedNamespace('rmtest-stale')).toBe(true);
  });

  test.each(['', '.', '..', 'a/b', 'a\0b'])('a name that would be another path is refused: %j', (name) => {
    expect(() => native.deleteNamedNamespace(name)).toThrow(TypeError);
  });

  test('a namespace outlives its name while a handle is open, so that a change under way does not crash', () => {
    const lasting = freshNamespace('lasting');
    const kernel = native.RouteNetlink.open(lasting);
    native.deleteNamedNamespace('rmtest-lasting');
    expect(native.enter(lasting, ownNamespace)).toBe(`net:[${lasting.identity.inode}]`);
    expect(kernel.links().map(({ name }) => name)).toEqual(['lo']);
    kernel.close();
    lasting.close();
    expect(() => native.enter(lasting, ownNamespace)).toThrow(/is closed/);
  });
});

describe('entering', () => {
  test('the action is inside, everything after it is outside again, also when the action throws', () => {
    const home = ownNamespace();
    expect(native.enter(namespace, ownNamespace)).toBe(`net:[${namespace.identity.inode}]`);
    expect(ownNamespace()).toBe(home);
    expect(() => native.enter(namespace, () => { throw new Error('inside'); })).toThrow('inside');
    expect(ownNamespace()).toBe(home);
  });

  test('entering twice over comes back step by step', () => {
    const other = freshNamespace('other');
    expect(native.enter(namespace, () => [native.enter(other, ownNamespace), ownNamespace()]))
      .toEqual([`net:[${other.identity.inode}]`, `net:[${namespace.identity.inode}]`]);
    discard(other);
  });

  test('an asynchronous action is refused, since it would go on outside', () => {
    expect(() => native.enter(namespace, async () => { await Promise.resolve(); })).toThrow('synchronous');
  });

  test("a process's namespace is its own; a process that is gone says so", () => {
    const own = native.NetworkNamespace.ofProcess(process.pid);
    expect(own.isSameAs(namespace)).toBe(false);
    own.close();
    expect(() => native.NetworkNamespace.ofProcess(2 ** 22 + 1)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});

describe('inside a namespace', () => {
  const forwarding = ['net', 'ipv4', 'ip_forward'];

  test('a sysctl is written there and nowhere else', () => {
    const outside = native.readSysctl(forwarding);
    for (const value of ['1', '0', '1']) {
      native.writeSysctl(forwarding, value, namespace);
      expect(native.readSysctl(forwarding, namespace)).toBe(value);
      expect(tool(namespace, 'cat', '/proc/sys/net/ipv4/ip_forward').trim()).toBe(value);
    }
    expect(native.readSysctl(forwarding)).toBe(outside);
    expect(native.readSysctl(['net', 'ipv4', 'conf', 'nosuch', 'rp_filter'], namespace)).toBeUndefined();
    expect(() => { native.writeSysctl(['net', 'ipv4', 'conf', 'nosuch', 'rp_filter'], '0', namespace); }).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => { native.writeSysctl(['net', '..', 'kernel', 'hostname'], 'x'); }).toThrow(TypeError);
  });

  test('a program runs there, with its input, and its failure shows command, exit code and stderr', async () => {
    const timeoutMs = 30_000;
    expect((await native.run('readlink', ['/proc/self/ns/net'], { namespace, timeoutMs })).stdout.trim()).toBe(`net:[${namespace.identity.inode}]`);
    expect((await native.run('cat', [], { input: 'ü'.repeat(100_000), timeoutMs })).stdout).toHaveLength(100_000);
    await expect(native.run('ip', ['link', 'show', 'nosuch'], { namespace, timeoutMs })).rejects.toMatchObject({
      name: 'CommandError', exitCode: 1, command: ['ip', 'link', 'show', 'nosuch'], message: expect.stringMatching(/exit code 1: .*does not exist/s),
    });
    await expect(native.run('nosuchprogram', [], { timeoutMs })).rejects.toMatchObject({ reason: 'ENOENT', exitCode: undefined });
    await expect(native.run('sleep', ['600'], { timeoutMs: 300 })).rejects.toMatchObject({ reason: 'timeout' });
    await expect(native.run('cat', ['/dev/zero'], { timeoutMs, maxOutputBytes: 1000 })).rejects.toMatchObject({ reason: 'output' });
    await expect(native.run('sh', ['-c', 'kill -TERM $$'], { timeoutMs })).rejects.toMatchObject({ reason: 'SIGTERM' });
    await expect(native.run('sh', ['-c', 'sleep 5 & exit 3'], { timeoutMs })).rejects.toMatchObject({ exitCode: 3 });
  });

  test('a port is held, its holder is found by name, and it is free again afterwards', () => {
    const tcp = native.holdPort('tcp', 8080, namespace);
    const udp = native.holdPort('udp', 8080, namespace);
    expect(() => native.holdPort('tcp', 8080, namespace)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    expect(() => native.holdPort('udp', 8080, namespace)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    const listeners = native.listListeners(namespace);
    expect(listeners).toEqual([
      { protocol: 'tcp', address: '0.0.0.0', port: 8080, inode: expect.any(Number) },
      { protocol: 'udp', address: '0.0.0.0', port: 8080, inode: expect.any(Number) },
    ]);
    const inode = listeners[0]?.inode ?? 0;
    expect(native.findSocketOwners([inode]).get(inode)).toContainEqual({ processId: process.pid, command: expect.any(String), file: expect.stringMatching(/^\/proc\/\d+\/fd\/\d+$/) });
    tcp.close();
    tcp.close();
    udp.close();
    expect(native.listListeners(namespace)).toEqual([]);
    native.holdPort('tcp', 8080, namespace).close();
  });

  test('an sctp port is held too, where the kernel has SCTP', () => {
    let holder: native.PortHolder;
    try {
      holder = native.holdPort('sctp', 9000, namespace);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EPROTONOSUPPORT' });
      return;
    }
    expect(() => native.holdPort('sctp', 9000, namespace)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));
    expect(native.listListeners(namespace)).toContainEqual(expect.objectContaining({ protocol: 'sctp', port: 9000 }));
    holder.close();
  });
});

describe('monitor', () => {
  test("somebody else's changes to links, addresses, routes, rules, neighbours are told once per burst", async () => {
    const hints: native.ChangeHint[] = [];
    const monitor = native.KernelMonitor.open({
      namespace, topics: ['link', 'address', 'route', 'rule', 'neighbour'], settleMs: 300, onChange: (hint) => { hints.push(hint); },
    });
    execFileSync('ip', ['-n', 'rmtest-inside', '-batch', '-'], {
      input: [
        'link add m0 type veth peer name m1', 'link set m0 up', 'link set m1 up', 'addr add 10.0.0.1/24 dev m0', 'route add 10.1.0.0/16 dev m0',
        'rule add pref 300 lookup 5', 'neigh add 10.0.0.2 lladdr 02:00:00:00:00:01 dev m0',
      ].join('\n'),
    });
    await eventually(() => new Set(hints.flatMap(({ topics }) => [...topics])).size === 5);
    expect(hints.length).toBeLessThanOrEqual(3);
    expect(hints.every(({ overflowed }) => !overflowed)).toBe(true);
    monitor.close();
    const before = hints.length;
    execFileSync('ip', ['-n', 'rmtest-inside', 'link', 'del', 'm0']);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(hints).toHaveLength(before);
  });

  test("iptables-nft's changes are told", async () => {
    const hints: native.ChangeHint[] = [];
    const monitor = native.KernelMonitor.open({ namespace, topics: ['nftables'], onChange: (hint) => { hints.push(hint); } });
    try {
      tool(namespace, 'iptables-nft', '-w', '-t', 'nat', '-N', 'RMTEST');
      await eventually(() => hints.some(({ topics }) => topics.has('nftables')));
    } finally {
      monitor.close();
    }
  });

  test('a storm that the socket cannot hold is told as "everything changed"', async () => {
    const hints: native.ChangeHint[] = [];
    const monitor = native.KernelMonitor.open({ namespace, topics: ['route'], onChange: (hint) => { hints.push(hint); } });
    const kernel = native.RouteNetlink.open(namespace);
    kernel.execute([native.changeLink('lo', { isUp: true })]);
    const routes = Array.from({ length: 1000 }, (_, number) => ({ destination: `10.80.${number >> 8}.${number & 255}/32`, linkIndex: 1 }));
    kernel.execute(routes.map(native.addRoute));
    await eventually(() => hints.length > 0);
    expect(hints[0]?.overflowed).toBe(true);
    // … and it hears again afterwards.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = hints.length;
    kernel.execute([native.deleteRoute({ destination: '10.80.0.0/32' })]);
    await eventually(() => hints.length > before);
    expect(hints.at(-1)).toEqual({ topics: new Set(['route']), devices: new Set(), overflowed: false });
    monitor.close();
    kernel.close();
  });

  test('who asks for it is told which links have changed, so that both ends of a cable can be looked at', async () => {
    const hints: native.ChangeHint[] = [];
    const monitor = native.KernelMonitor.open({ namespace, topics: ['link', 'route'], devices: true, onChange: (hint) => { hints.push(hint); } });
    try {
      execFileSync('ip', ['-n', 'rmtest-inside', 'link', 'add', 'n0', 'type', 'veth', 'peer', 'name', 'n1']);
      await eventually(() => new Set(hints.flatMap(({ devices }) => [...devices])).size === 2);
      expect(new Set(hints.flatMap(({ devices }) => [...devices]))).toEqual(new Set(['n0', 'n1']));
    } finally {
      monitor.close();
    }
  });
});
