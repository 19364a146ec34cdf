/** Connection tracking's events and entries of a real kernel, beside the conntrack tool's word. */
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as native from '../../../native/index.js';
import { discard, eventually, freshNamespace, tool } from './laboratory.js';

// An emulated machine with busy neighbours is a hundred times slower than this one.
let namespace: native.NetworkNamespace;
let server: Server;

beforeAll(async () => {
  await native.initialise();
  namespace = freshNamespace('tracked');
  const socket = native.RouteNetlink.open(namespace);
  socket.execute([native.changeLink('lo', { isUp: true })]);
  socket.close();
  // Tracking begins with the first rule that asks for it; 8080 of another address leads here.
  tool(namespace, 'iptables', '-w', '-t', 'nat', '-A', 'OUTPUT', '-d', '127.0.0.2/32', '-p', 'tcp', '--dport', '8080', '-j', 'DNAT', '--to-destination', '127.0.0.1:80');
  tool(namespace, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=1');
  server = createServer((connection) => { connection.end('hello\n'); });
  // Without an address Node binds at once, in the namespace of this turn; with one it looks it up first.
  await new Promise<void>((resolve) => { native.enter(namespace, () => { server.listen(80, resolve); }); });
});
afterAll(() => {
  server.close();
  discard(namespace);
});

function ask(): Promise<native.RunResult> {
  return native.run('curl', ['-s', '--http0.9', '--max-time', '20', 'http://127.0.0.2:8080/'], { namespace, timeoutMs: 60_000 });
}

describe('conntrack', () => {
  test('tells a connection from its first packet to its last, both directions, with who closed first; its entry can be asked for, and counts', async () => {
    const events: native.ConntrackEvent[] = [];
    let missed = 0;
    const conntrack = native.Conntrack.open({ namespace, onEvent: (event) => { events.push(event); }, onOverflow: () => { missed++; }, onError: (error) => { throw error; } });
    try {
      expect((await ask()).stdout).toBe('hello\n');
      await eventually(() => events.some(({ entry }) => entry.state === 'TIME_WAIT'));
      const [first] = events;
      expect(first).toMatchObject({
        kind: 'new',
        entry: {
          state: 'SYN_SENT', seenReply: false, destinationTranslated: true, sourceTranslated: false, zone: 0,
          original: { protocol: 6, destination: '127.0.0.2', destinationPort: 8080 }, reply: { source: '127.0.0.1', sourcePort: 80 },
        },
      });
      const own = events.filter(({ entry }) => entry.id === first?.entry.id);
      expect(own.map(({ entry }) => entry.state)).toEqual(expect.arrayContaining(['SYN_SENT', 'ESTABLISHED', 'TIME_WAIT']));
      expect(own.at(-1)?.entry.closedFirst).toBe('reply');
      if (first === undefined) throw new Error('no event');
      const found = conntrack.find(first.entry.original);
      expect(found).toMatchObject({ id: first.entry.id, state: 'TIME_WAIT', assured: true });
      expect(conntrack.find(first.entry.reply)?.id).toBe(first.entry.id);
      const line = tool(namespace, 'conntrack', '-L', '-p', 'tcp', '--orig-port-src', String(first.entry.original.sourcePort));
      const packets = [...line.matchAll(/packets=(\d+) bytes=(\d+)/g)].map(([, count, bytes]) => ({ packets: BigInt(count ?? 0), bytes: BigInt(bytes ?? 0) }));
      expect([found?.counters?.original, found?.counters?.reply]).toEqual(packets);
      tool(namespace, 'conntrack', '-F');
      await eventually(() => events.some(({ kind, entry }) => kind === 'destroy' && entry.id === first.entry.id));
      expect(events.find(({ kind }) => kind === 'destroy')?.entry.counters?.original).toEqual(packets[0]);
      expect(conntrack.find(first.entry.original)).toBeUndefined();
      expect(missed).toBe(0);
    } finally {
      conntrack.close();
      conntrack.close();
    }
  });

  test('is silent once closed', async () => {
    const events: native.ConntrackEvent[] = [];
    native.Conntrack.open({ namespace, onEvent: (event) => { events.push(event); }, onOverflow: () => undefined, onError: () => undefined }).close();
    await ask();
    expect(events).toEqual([]);
  });

  test('a socket of the namespace is seen with its state, and a listener as what it is', () => {
    expect(native.readTcpSockets(namespace)).toContainEqual(expect.objectContaining({ local: '::', localPort: 80, state: 'LISTEN' }));
  });
});
