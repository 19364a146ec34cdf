/** Echo requests between two real kernels' namespaces: the answer comes from the kernel, no program listens. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as native from '../../../native/index.js';
import { discard, freshNamespace } from './laboratory.js';

let near: native.NetworkNamespace;
let far: native.NetworkNamespace;

beforeAll(async () => {
  await native.initialise();
  near = freshNamespace('echo-near');
  far = freshNamespace('echo-far');
  const [here, there] = [native.RouteNetlink.open(near), native.RouteNetlink.open(far)];
  here.execute([native.createVeth({ name: 'v0', isUp: true, peer: { name: 'v1', namespace: far } })]);
  there.execute([native.changeLink('v1', { isUp: true })]);
  here.execute([native.addAddress({ linkIndex: here.link('v0')?.index ?? 0, address: '100.64.0.1/29' })]);
  there.execute([native.addAddress({ linkIndex: there.link('v1')?.index ?? 0, address: '100.64.0.2/29' })]);
  here.close();
  there.close();
});
afterAll(() => { discard(near, far); });

test('a peer that is there answers, one that is not stays silent, and the program is told which answered', async () => {
  const replies: native.EchoReply[] = [];
  let heard: () => void = () => undefined;
  const answered = new Promise<void>((resolve) => { heard = resolve; });
  const socket = native.EchoSocket.open({ namespace: near, source: '100.64.0.1', onReply: (reply) => { replies.push(reply); if (replies.length === 2) heard(); } });
  const awake = setInterval(() => undefined, 1_000); // the socket alone keeps no process running
  try {
    socket.send('100.64.0.2', 41);
    socket.send('100.64.0.3', 42);
    socket.send('100.64.0.2', 43);
    await answered;
    expect(replies.map(({ source, sequence }) => [source, sequence])).toEqual([['100.64.0.2', 41], ['100.64.0.2', 43]]);
    expect(() => { socket.send('203.0.113.1', 44); }).toThrow(expect.objectContaining({ code: 'ENETUNREACH' }));
  } finally {
    clearInterval(awake);
    socket.close();
    socket.close();
  }
});

test('answers that nobody waits for wake no program: they are there when it reads', async () => {
  const replies: number[] = [];
  const socket = native.EchoSocket.open({ namespace: near, source: '100.64.0.1', onReply: ({ sequence }) => { replies.push(sequence); } });
  try {
    socket.listen(false);
    socket.send('100.64.0.2', 51);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    expect(replies).toEqual([]);
    socket.read();
    expect(replies).toEqual([51]);
    const heard = new Promise<void>((resolve) => { const timer = setInterval(() => { if (replies.length > 1) { clearInterval(timer); resolve(); } }, 5); });
    socket.listen(true);
    socket.send('100.64.0.2', 52);
    await heard;
    expect(replies).toEqual([51, 52]);
  } finally {
    socket.close();
  }
});

test('an answer that is near is there in the turn in which it was asked for; one that never comes is waited for no longer than was said', () => {
  const replies: number[] = [];
  const socket = native.EchoSocket.open({ namespace: near, source: '100.64.0.1', onReply: ({ sequence }) => { replies.push(sequence); } });
  try {
    socket.listen(false);
    socket.send('100.64.0.2', 61);
    socket.readWithin(10_000, () => replies.length === 1);
    expect(replies).toEqual([61]);
    socket.send('100.64.0.3', 62);
    const began = performance.now();
    socket.readWithin(20, () => replies.length === 2);
    expect(replies).toEqual([61]);
    expect(performance.now() - began).toBeGreaterThanOrEqual(20);
  } finally {
    socket.close();
  }
});

test('an address that the namespace does not have is refused by name', () => {
  expect(() => native.EchoSocket.open({ namespace: near, source: '198.51.100.1', onReply: () => undefined })).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
});
