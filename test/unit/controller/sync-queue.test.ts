import { describe, expect, it, jest } from '@jest/globals';
import { SyncQueue } from '../../../src/controller/sync-queue.js';
import { nextTurn } from '../../../src/next-turn.js';

/** A sync that ends when the test says so. */
function manualSync() {
  const reasons: string[] = [];
  let finish: () => void = () => undefined;
  const sync = (reason: string) => {
    reasons.push(reason);
    return new Promise<void>((resolve) => (finish = resolve));
  };
  return { reasons, sync, finish: async () => { finish(); await settle(); } };
}

/** One turn for the sync that ends, one for the next one to begin. */
const settle = async () => {
  await nextTurn();
  await nextTurn();
};

describe('SyncQueue', () => {
  it('serves a hundred events that come while it works with one more sync', async () => {
    const { reasons, sync, finish } = manualSync();
    const queue = new SyncQueue(sync);
    queue.request('start');
    await settle();
    for (let i = 0; i < 100; i += 1) queue.request('service event');
    queue.request('kernel changed');
    expect(reasons).toEqual(['start']);
    await finish();
    expect(reasons).toEqual(['start', 'service event, kernel changed']);
    await finish();
    expect(reasons).toHaveLength(2);
  });

  it('does not lose an event that comes after the running sync has looked', async () => {
    const { reasons, sync, finish } = manualSync();
    const queue = new SyncQueue(sync);
    queue.request('first');
    await settle();
    queue.request('second');
    await finish();
    expect(reasons).toEqual(['first', 'second']);
    await finish();
  });

  it('lets what was just told to others be sent before a sync holds everything up', async () => {
    const order: string[] = [];
    const queue = new SyncQueue(() => { order.push('sync'); return Promise.resolve(); });
    queue.request('news');
    await Promise.resolve().then(() => { process.nextTick(() => order.push('sent')); });
    await settle();
    expect(order).toEqual(['sent', 'sync']);
    await queue.close();
  });

  it('serves who is patient with the next sync for something else, and by itself where there is none', async () => {
    const { reasons, sync, finish } = manualSync();
    const queue = new SyncQueue(sync);
    queue.requestPatiently(60_000, 'echo');
    queue.requestPatiently(60_000, 'another');
    expect([queue.depth, queue.isIdle]).toEqual([2, true]);
    queue.request('event');
    await settle();
    expect(reasons).toEqual(['event, echo, another']);
    await finish();
    queue.requestPatiently(1, 'late echo');
    while (reasons.length < 2) await settle();
    expect(reasons.at(-1)).toBe('late echo');
    await finish();
    queue.requestPatiently(1, 'never');
    await queue.close();
    await new Promise((resolve) => { setTimeout(resolve, 20); });
    expect(reasons).toHaveLength(2);
  });

  it('keeps only the latest wish for a later look', () => {
    jest.useFakeTimers();
    try {
      const { reasons, sync } = manualSync();
      const queue = new SyncQueue(sync);
      queue.requestAfter(1_000, 'retry');
      queue.requestAfter(3_000, 'retry');
      jest.advanceTimersByTime(2_999);
      expect(reasons).toEqual([]);
      jest.advanceTimersByTime(1);
      expect(jest.getTimerCount()).toBe(0);
    } finally {
      jest.useRealTimers();
    }
  });

  it('finishes the running sync when it is closed and begins no other', async () => {
    const { reasons, sync, finish } = manualSync();
    const queue = new SyncQueue(sync);
    queue.request('running');
    await settle();
    queue.request('waiting');
    const closed = queue.close();
    queue.request('late');
    await finish();
    await closed;
    expect(reasons).toEqual(['running']);
  });
});

describe('hints of one kind', () => {
  it('are one look, at the earliest time that any of them asks for: real trouble does not wait for an echo', async () => {
    const { reasons, sync, finish } = manualSync();
    const queue = new SyncQueue(sync);
    const asked = performance.now();
    queue.requestWithin(60_000, 'echo of our own change', 'kernel');
    queue.requestWithin(20, 'somebody flushed a chain', 'kernel');
    queue.requestWithin(60_000, 'another echo', 'kernel');
    while (reasons.length === 0 && performance.now() - asked < 60_000) await settle();
    expect(reasons).toEqual(['somebody flushed a chain']);
    await finish();
    await queue.close();
  });
});
