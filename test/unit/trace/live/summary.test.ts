import { describe, expect, it } from '@jest/globals';
import { endingOf } from '../../../../src/trace/live/ending.js';
import type { Ending, Summary } from '../../../../src/trace/live/moment.js';
import { summaryOf, type SummaryInput } from '../../../../src/trace/live/summary.js';
import { all, client, places, server, Telling, whole, type Parts } from './connection.js';

function summary({ story }: Telling, ending: Ending, more: Partial<SummaryInput> = {}): Summary {
  return summaryOf({
    protocol: 'tcp', port: 'tcp/8080', chapters: story.chapters, socket: story.socket, ending, durationMilliseconds: 2_000, node: 'h1',
    names: { sandbox: 'mesh_sbox', fabric: 'mesh_fabric' }, sandbox: '172.30.0.2',
    taskAt: (address) => ({ name: address === server ? 'web.1' : null, isHere: address === server }),
    peerOf: (zone) => (zone === 14_348 ? 'h2' : null),
    ...more,
  });
}

function ending(telling: Telling, quietMilliseconds = 0, protocol: 'tcp' | 'udp' = 'tcp'): Ending | null {
  return endingOf({ protocol, chapters: telling.story.chapters, quietMilliseconds });
}

const synReceived: Parts = { state: 'SYN_RECV', seenReply: true };
const open: Parts = { state: 'ESTABLISHED', seenReply: true };

describe('a connection that went well', () => {
  it('is told in one sentence: client, node, sandbox, fabric, task, how it ended and after how long', () => {
    const telling = whole();
    expect(ending(telling)).toBe('closed');
    expect(summary(telling, 'closed')).toMatchObject({
      client: `${client}:50000`, node: '192.168.56.11:8080', peer: null, places: ['host', 'mesh_sbox', 'mesh_fabric', 'web.1'], realServer: '10.0.0.5:80', task: 'web.1',
      ending: 'closed', endedBy: 'task', loss: null,
      text: '192.168.56.100:50000 → h1 (192.168.56.11:8080) → mesh_sbox → mesh_fabric → web.1 (10.0.0.5:80): closed by FIN from both sides, the task’s first, after 2 s.',
    });
  });

  it('says how much was sent where the kernel counts', () => {
    const telling = whole();
    telling.story.count('host', { there: { packets: 6, bytes: 400 }, back: { packets: 1, bytes: 52 } });
    expect(summary(telling, 'closed').text).toContain(': 6 packets (400 bytes) there and 1 packet (52 bytes) back, closed');
  });

  it('goes on while it is open, however quiet', () => {
    expect(ending(new Telling().hear('new', all).hear('update', all, open), 3_600_000)).toBeNull();
  });

  it('may come from a peer, which is named', () => {
    const telling = new Telling().hear('new', ['fabric', 'task'], { zoneThere: 14_348 }).hear('update', ['fabric', 'task'], { state: 'TIME_WAIT', seenReply: true, zoneThere: 14_348 });
    expect(ending(telling)).toBe('closed');
    expect(summary(telling, 'closed')).toMatchObject({ peer: 'h2', node: null, loss: null });
    expect(summary(telling, 'closed').text).toContain('192.168.56.100:50000 → h2 → h1 → mesh_fabric → web.1 (10.0.0.5:80): ');
  });

  it('to another node’s task is not called lost where this node’s part ends', () => {
    const telling = new Telling().hear('new', ['host', 'sandbox', 'fabric']).hear('update', ['host', 'sandbox', 'fabric'], open);
    expect(summary(telling, 'interrupted', { taskAt: () => ({ name: 'web.2', isHere: false }) }).loss).toBeNull();
  });

  it('of UDP is over once it has been quiet behind an answer', () => {
    const datagrams = new Telling().hear('new', all, { state: undefined }).hear('update', all, { state: undefined, seenReply: true });
    expect(ending(datagrams, 100, 'udp')).toBeNull();
    expect(ending(datagrams, 3_000, 'udp')).toBe('answered');
  });
});

describe('a connection that was lost', () => {
  it.each([
    ['in the sandbox', ['host'], 'host passed it on, and it never got through mesh_sbox'],
    ['in the fabric', ['host', 'sandbox'], 'mesh_sbox passed it on, and it never got through mesh_fabric'],
    ['before the task', ['host', 'sandbox', 'fabric'], 'mesh_fabric passed it on, and it never got through web.1'],
  ] as const)('%s says after which place', (_name, seen, why) => {
    const telling = new Telling().hear('new', seen);
    expect(ending(telling, 9_000)).toBeNull();
    expect(ending(telling, 10_000)).toBe('unanswered');
    const { loss, text } = summary(telling, 'unanswered');
    expect(loss).toMatchObject({ of: 'request' });
    expect(text).toContain(why);
    expect(loss?.remedy).toContain('routemesh trace tcp/8080 --from 192.168.56.100');
  });

  it.each([
    ['between task and fabric', ['task'], 'the answer came as far as web.1, and never into mesh_fabric'],
    ['between fabric and sandbox', ['fabric', 'task'], 'the answer came as far as mesh_fabric, and never into mesh_sbox'],
    ['between sandbox and host', ['sandbox', 'fabric', 'task'], 'the answer came as far as mesh_sbox, and never into host'],
    ['behind the host', all, 'the answer came as far as host, and the client never took it up'],
  ] as const)('on its answer’s way %s says so', (_name, answered, why) => {
    const telling = new Telling().hear('new', all).hear('update', answered, synReceived);
    expect(ending(telling, 10_000)).toBe('unanswered');
    expect(summary(telling, 'unanswered')).toMatchObject({ loss: { of: 'answer' } });
    expect(summary(telling, 'unanswered').text).toContain(why);
  });

  it('on its answer’s way past a sandbox that tracks nothing names both places that may be at fault', () => {
    const telling = new Telling().hear('new', ['host', 'fabric', 'task']).hear('update', ['fabric', 'task'], synReceived);
    telling.story.hearIpvs(places.sandbox, [{ protocol: 'tcp', client, clientPort: 50000, virtual: '172.30.0.2', virtualPort: 8080, server, serverPort: 80, state: 'SYN_RECV', expiresSeconds: 60 }], 1_000_500);
    expect(summary(telling, 'unanswered').loss).toMatchObject({ of: 'answer', seenIn: 'mesh_fabric', why: expect.stringContaining('a rule or a route of mesh_fabric or mesh_sbox lets it go no further') });
  });

  it('in a task whose program is stopped says that its kernel alone answered, and what waits', () => {
    const telling = new Telling().hear('new', all).hear('update', all, open).hear('update', all, { state: 'CLOSE_WAIT', seenReply: true, closedFirst: 'original' });
    telling.story.hearSockets([{ local: server, localPort: 80, remote: client, remotePort: 50000, state: 'CLOSE_WAIT', sendQueue: 0, receiveQueue: 88, inode: 0 }], 1_000_500);
    expect(ending(telling, 10_000)).toBe('half-closed');
    const found = summary(telling, 'half-closed');
    expect(found).toMatchObject({ endedBy: 'client', loss: { of: 'task', seenIn: 'web.1' } });
    expect(found.text).toContain('closed by the client alone, followed for 2 s; web.1 has it, but its program never accepted it: its kernel alone answered (87 bytes of the client’s wait unread).');
  });

  it('to a task where nothing listens says that it is refused, and what to check', () => {
    const telling = new Telling().hear('new', all).hear('update', all, { state: 'CLOSE', seenReply: true });
    expect(ending(telling)).toBe('refused');
    expect(summary(telling, 'refused').text).toContain('web.1 refuses it: nothing listens on port 80 in it');
  });

  it('by a task that got it and stays silent says that', () => {
    expect(summary(new Telling().hear('new', all), 'unanswered').text).toContain('web.1 got it, and never answered');
  });

  it('to dockerd’s own ingress says that routemesh had no part in it', () => {
    const telling = new Telling().hear('new', ['host'], { reply: { protocol: 6, source: '172.18.0.2', sourcePort: 8080, destination: client, destinationPort: 50000, zone: undefined } });
    telling.hear('update', ['host'], { ...open, reply: { protocol: 6, source: '172.18.0.2', sourcePort: 8080, destination: client, destinationPort: 50000, zone: undefined } });
    expect(summary(telling, 'closed').loss?.why).toContain('the host sent it to 172.18.0.2:8080, which is not routemesh’s sandbox');
  });

  it('to a sandbox without its virtual service says that IPVS sent it to nobody', () => {
    const own = { protocol: 6, source: '172.30.0.2', sourcePort: 8080, destination: client, destinationPort: 50000, zone: undefined };
    const telling = new Telling().hear('new', ['host']).hear('new', ['sandbox'], { reply: own }).hear('update', ['host'], { state: 'CLOSE', seenReply: true });
    expect(ending(telling)).toBe('refused');
    expect(summary(telling, 'refused')).toMatchObject({ realServer: null, loss: { of: 'request', seenIn: 'mesh_sbox' } });
    expect(summary(telling, 'refused').text).toContain('IPVS of mesh_sbox sent it to nobody');
  });

  it('by a reset after it was open is told apart from one that was refused', () => {
    const telling = new Telling().hear('new', all).hear('update', all, open).hear('update', all, { state: 'CLOSE', seenReply: true });
    expect(ending(telling)).toBe('reset');
    expect(summary(telling, 'reset')).toMatchObject({ loss: null });
  });
});
