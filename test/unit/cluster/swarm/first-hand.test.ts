import { beforeEach, expect, test } from '@jest/globals';
import type { News } from '../../../../src/cluster/relay/protocol.js';
import { FirstHand } from '../../../../src/cluster/swarm/first-hand.js';

let now = 0;
let said: News[];
let firstHand: FirstHand;

beforeEach(() => {
  now = 0;
  said = [];
  firstHand = new FirstHand({ freshMilliseconds: 1_000, now: () => now });
  firstHand.onNews((news) => said.push(news));
});

/** `web`: its container runs; `web!`: and is ready for connections. */
function here(...words: readonly string[]): void {
  firstHand.onLocalTasks(new Map(words.map((word) => {
    const taskId = word.replace('!', '');
    return [taskId, { taskId, namespace: `/proc/${taskId}/ns/net`, isReady: word.endsWith('!') }];
  })));
}

test('a container that dies is told of at once: until Swarm does, other nodes would send to nobody', () => {
  here('one!', 'two!');
  here('two!');
  expect(said).toEqual([{ gone: ['one'], running: [] }]);
});

test('a container that begins to run is told of when it is healthy, not before', () => {
  here();
  here('one');
  expect(said).toEqual([]);
  here('one!');
  expect(said).toEqual([{ gone: [], running: ['one'] }]);
});

test('a container is told of when it is heard to run, once; and when it has ended before anybody looked at it', () => {
  here();
  firstHand.onHeard('one', 'running');
  here('one!');
  expect(said).toEqual([{ gone: [], running: ['one'] }]);
  firstHand.onHeard('two', 'running');
  firstHand.onHeard('two', 'gone');
  expect(said.at(-1)).toEqual({ gone: ['two'], running: ['one'] });
});

test('what is found at the start is no news', () => {
  here('one!');
  expect(said).toEqual([]);
});

test('a container that comes back is not called dead any more', () => {
  here('one!');
  here();
  here('one');
  expect(said.at(-1)).toEqual({ gone: [], running: [] });
  here('one!');
  expect(said.at(-1)).toEqual({ gone: [], running: ['one'] });
});

test('one that becomes unhealthy is not called running any more', () => {
  here();
  here('one!');
  here('one');
  expect(said.at(-1)).toEqual({ gone: [], running: [] });
});

test('the same list again is no news', () => {
  here('one!');
  here();
  here();
  expect(said).toHaveLength(1);
});

test('news grow old: what Swarm has not said by then it will not say', () => {
  here('one!', 'two!');
  here('two!');
  now = 2_000;
  here();
  expect(said.at(-1)).toEqual({ gone: ['two'], running: [] });
});

test('old news are taken back though nothing else happens', async () => {
  const short = new FirstHand({ freshMilliseconds: 20 });
  const end = new Promise<void>((resolve) => { short.onNews(({ gone }) => { if (gone.length === 0) resolve(); }); });
  short.onLocalTasks(new Map([['one', { taskId: 'one', namespace: '/proc/1/ns/net', isReady: true }]]));
  short.onLocalTasks(new Map());
  const waiting = setInterval(() => undefined, 10);
  await end;
  clearInterval(waiting);
});

test('whoever listens to the tasks hears the same as before', async () => {
  const heard: string[] = [];
  const tasks = new Map([['one', { taskId: 'one', namespace: '/proc/1/ns/net' }]]);
  const overheard = firstHand.overhear({
    read: () => Promise.resolve(tasks),
    follow: (listener) => {
      listener.onLocalTasks(tasks, 'start');
      listener.onLocalTasks(new Map(), 'container die');
      listener.onUnavailable(new Error('hangs'));
      return Promise.resolve();
    },
  });
  const { signal } = new AbortController();
  expect(await overheard.read(signal)).toBe(tasks);
  await overheard.follow({ onLocalTasks: ({ size }, reason) => { heard.push(`${size} ${reason}`); }, onUnavailable: ({ message }) => { heard.push(message); } }, signal);
  expect(heard).toEqual(['1 start', '0 container die', 'hangs']);
  expect(said).toEqual([{ gone: ['one'], running: [] }]);
});
