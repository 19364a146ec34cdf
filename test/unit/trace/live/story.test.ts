import { describe, expect, it } from '@jest/globals';
import { all, client, entry, places, server, storyOf, Telling, whole } from './connection.js';

/** IPVS's, of the connection. */
const scheduled = { protocol: 'tcp', client, clientPort: 50000, virtual: '172.30.0.2', virtualPort: 8080, server, serverPort: 80, state: 'ESTABLISHED', expiresSeconds: 8000 } as const;

describe('the story of a connection', () => {
  it('has each place in the packet’s order, and each state as it comes', () => {
    const telling = whole();
    expect(telling.places).toEqual(['host', 'mesh_sbox', 'mesh_fabric', 'web.1']);
    expect(telling.told.slice(0, 8)).toEqual([
      'host appeared SYN_SENT', 'mesh_sbox appeared SYN_SENT', 'mesh_fabric appeared SYN_SENT', 'web.1 appeared SYN_SENT',
      'host changed SYN_RECV', 'mesh_sbox changed SYN_RECV', 'mesh_fabric changed SYN_RECV', 'web.1 changed SYN_RECV',
    ]);
    expect(telling.told).toHaveLength(24);
  });

  it('is the same whatever place is heard first, since each tells by a socket of its own', () => {
    const orders = [['task', 'fabric', 'sandbox', 'host'], ['fabric', 'host', 'task', 'sandbox'], ['sandbox', 'task', 'host', 'fabric']] as const;
    for (const order of orders) expect(new Telling().hear('new', order).places).toEqual(['host', 'mesh_sbox', 'mesh_fabric', 'web.1']);
  });

  it('keeps what a later place has become before an earlier one was heard', () => {
    const telling = new Telling().hear('new', ['sandbox']).hear('update', ['sandbox'], { state: 'ESTABLISHED', seenReply: true }).hear('new', ['host']);
    expect(telling.told).toEqual(['host appeared SYN_SENT', 'mesh_sbox appeared SYN_SENT', 'mesh_sbox changed ESTABLISHED']);
    expect(telling.story.chapters.at(-1)).toMatchObject({ established: true, entry: { state: 'ESTABLISHED' } });
  });

  it('is one connection’s: others to the same port and the same task are not mixed in', () => {
    const telling = new Telling().hear('new', ['host']).hear('new', all, { clientPort: 50001 }).hear('new', ['sandbox', 'fabric', 'otherTask', 'task']);
    expect(telling.story.chapters.map(({ entry: { there } }) => there.sourcePort)).toEqual([50000, 50000, 50000, 50000]);
    expect(telling.places).toEqual(['host', 'mesh_sbox', 'mesh_fabric', 'web.1']);
  });

  it('begins with a new connection, not with one that was there before', () => {
    expect(new Telling().hear('update', all, { state: 'ESTABLISHED', seenReply: true }).told).toEqual([]);
  });

  it('begins with the client that was asked for', () => {
    expect(new Telling(storyOf({ client: '203.0.113.9' })).hear('new', all).told).toEqual([]);
    expect(new Telling(storyOf({ client })).hear('new', all).places).toHaveLength(4);
  });

  it('does not take a connection from this node to another’s port for one to this node', () => {
    const story = storyOf({ isLocal: () => false });
    expect(new Telling(story).hear('new', all).told).toEqual([]);
  });

  it('does not take another protocol’s packets for it', () => {
    expect(new Telling(storyOf({ protocol: 'udp' })).hear('new', all).told).toEqual([]);
  });

  it('begins in the fabric for a connection that a peer took, which its zone tells', () => {
    const telling = new Telling().hear('new', ['fabric', 'task'], { zoneThere: 14_348 });
    expect(telling.places).toEqual(['mesh_fabric', 'web.1']);
    expect(new Telling().hear('new', ['fabric', 'task']).places).toEqual([]);
  });

  it('remembers whose FIN came first when later events do not say it', () => {
    const telling = whole().hear('destroy', ['host'], { state: undefined, counters: { original: { packets: 6n, bytes: 400n }, reply: { packets: 4n, bytes: 300n } } });
    expect(telling.story.chapters[0]).toMatchObject({ forgotten: true, established: true, entry: { state: 'TIME_WAIT', closedFirst: 'task', counters: { there: { packets: 6, bytes: 400 } } } });
    expect(telling.told.at(-1)).toBe('host forgotten TIME_WAIT');
  });

  it('tells what IPVS makes of it once for each state, however often the table is read', () => {
    const telling = whole();
    const other = { ...scheduled, clientPort: 50001 };
    expect(telling.story.hearIpvs(places.sandbox, [other, scheduled], 1_000_500)).toMatchObject([{ type: 'ipvs', connection: { server, state: 'ESTABLISHED', expiresSeconds: 8000 } }]);
    expect(telling.story.hearIpvs(places.sandbox, [other, { ...scheduled, expiresSeconds: 7999 }], 1_000_600)).toEqual([]);
    expect(telling.story.hearIpvs(places.sandbox, [other, { ...scheduled, state: 'FIN_WAIT', expiresSeconds: 120 }], 1_000_700)).toHaveLength(1);
  });

  it('goes on by IPVS’s entry where the sandbox tracks nothing, also when fabric and task were heard before', () => {
    const telling = new Telling().hear('new', ['host', 'fabric', 'task']);
    expect(telling.places).toEqual(['host']);
    const moments = telling.story.hearIpvs(places.sandbox, [{ ...scheduled, clientPort: 50001, server: '10.0.0.6' }, scheduled], 1_000_500);
    expect(moments).toMatchObject([{ type: 'ipvs', connection: { server } }, { type: 'appeared', name: 'mesh_fabric' }, { type: 'appeared', name: 'web.1' }]);
    expect(telling.places).toEqual(['host', 'mesh_sbox', 'mesh_fabric', 'web.1']);
  });

  it('is told by the sandbox’s own entry once that is heard, since it alone knows the translated source', () => {
    const router = '100.104.56.11';
    const translated = { source: server, sourcePort: 80, destination: router, destinationPort: 50000 };
    const there = { ...translated, source: router, sourcePort: 50000, destination: server, destinationPort: 80 };
    const back = { protocol: 6, ...translated, zone: undefined };
    for (const isReadFirst of [true, false]) {
      const telling = new Telling().hear('new', ['host']);
      const read = () => telling.story.hearIpvs(places.sandbox, [scheduled], 1_000_500);
      if (isReadFirst) read();
      telling.story.hear(places.sandbox, { kind: 'new', entry: { ...entry('sandbox'), reply: back } }, 1_000_501);
      if (!isReadFirst) read();
      telling.story.hear(places.fabric, { kind: 'new', entry: { ...entry('fabric'), original: { protocol: 6, ...there, zone: undefined } } }, 1_000_502);
      expect(telling.places).toEqual(['host', 'mesh_sbox', 'mesh_fabric']);
      expect(telling.story.chapters[1]).toMatchObject({ entry: { back: { destination: router } } });
    }
  });

  it('tells of the task’s socket whether a program has it and what waits unread; a FIN is no byte of the client’s', () => {
    const telling = whole();
    const row = { local: server, localPort: 80, remote: client, remotePort: 50000, state: 'ESTABLISHED', sendQueue: 0, receiveQueue: 87, inode: 0 } as const;
    expect(telling.story.hearSockets([row], 1_000_500)).toMatchObject([{ socket: { accepted: false, unread: 87 } }]);
    expect(telling.story.hearSockets([{ ...row, state: 'CLOSE_WAIT', receiveQueue: 88 }], 1_000_600)).toMatchObject([{ socket: { accepted: false, unread: 87 } }]);
    expect(telling.story.hearSockets([{ ...row, state: 'TIME_WAIT', receiveQueue: 0 }], 1_000_700)).toMatchObject([{ socket: { accepted: true, unread: 0 } }]);
  });

  it('keeps no more than a few thousand strangers while it waits', () => {
    const telling = new Telling();
    for (let clientPort = 10_000; clientPort < 15_000; clientPort++) telling.story.hear(places.sandbox, { kind: 'new', entry: entry('sandbox', { clientPort }) }, 1_000_000);
    telling.hear('new', ['host'], { clientPort: 10_000 }).hear('new', ['host']);
    expect(telling.places).toEqual(['host']);
  });
});
