import { describe, expect, it } from '@jest/globals';
import { EventLog } from '../../../src/controller/event-log.js';
import { EventRecorder, type MeshEvent, type NewEvent } from '../../../src/event.js';
import { silentLogger } from '../../../src/log.js';

const repaired: NewEvent = { type: 'Warning', reason: 'Repaired', object: { kind: 'kernel', name: 'host' }, message: 'repaired: rule nat PREROUTING' };
const programmed = (number: number): NewEvent => ({ type: 'Normal', reason: 'Programmed', object: { kind: 'node', name: 'h1' }, message: `programmed: ${number} added` });

/** A log with a clock that is told by hand, in milliseconds. */
function bed(mostEvents?: number) {
  let now = Date.parse('2026-01-01T12:00:00Z');
  const log = new EventLog({ now: () => new Date(now), ...(mostEvents === undefined ? {} : { mostEvents }) });
  return { log, pass: (milliseconds: number) => { now += milliseconds; }, told: () => log.list().events.map(({ reason, message, count }) => `${reason} ${message} ×${count}`) };
}

describe('the same event again', () => {
  it('is one event with a count, told anew to who follows: a rule that a script flushes each minute is one line, not a thousand', () => {
    const { log, pass } = bed();
    log.add(repaired);
    log.add(programmed(1));
    pass(60_000);
    log.add(repaired);

    const { events, latest } = log.list();
    expect(latest).toBe(3);
    expect(events.map(({ reason }) => reason)).toEqual(['Programmed', 'Repaired']);
    expect(events[1]).toEqual({ sequence: 3, ...repaired, count: 2, firstTime: '2026-01-01T12:00:00.000Z', lastTime: '2026-01-01T12:01:00.000Z' });
    expect(log.list(2).events).toEqual([events[1]]);
  });

  it('counts from one again when it comes back after long: last week’s repair says nothing of today’s', () => {
    const { log, pass } = bed();
    log.add(repaired);
    pass(10 * 60_000 + 1);
    log.add(repaired);
    expect(log.list().events.map(({ count, firstTime }) => [count, firstTime])).toEqual([[1, '2026-01-01T12:10:00.001Z']]);
  });

  it('on another object is another event', () => {
    const { log } = bed();
    log.add(repaired);
    log.add({ ...repaired, object: { kind: 'kernel', name: 'sandbox' } });
    expect(log.list().events).toHaveLength(2);
  });
});

describe('memory', () => {
  it('is bounded in events: the oldest goes first', () => {
    const { log, told } = bed(3);
    for (const number of [1, 2, 3, 4]) log.add(programmed(number));
    expect(told()).toEqual(['Programmed programmed: 2 added ×1', 'Programmed programmed: 3 added ×1', 'Programmed programmed: 4 added ×1']);
    expect(log.list().latest).toBe(4);
  });

  it('keeps trouble rather than chatter: a rolling update does not push out the repair before it', () => {
    const { log, told } = bed(10);
    log.add(repaired);
    for (let number = 0; number < 100; number += 1) log.add(programmed(number));
    expect(told()[0]).toBe('Repaired repaired: rule nat PREROUTING ×1');
    expect(told()).toHaveLength(10);
  });

  it('is bounded in what strangers write: a service’s name and a label of a megabyte', () => {
    const { log } = bed();
    log.add({ ...repaired, object: { kind: 'service', name: 'n'.repeat(1e6) }, message: 'm'.repeat(1e6) });
    const [event] = log.list().events;
    expect(event?.message).toHaveLength(500);
    expect(event?.object.name).toHaveLength(200);
  });
});

describe('who follows', () => {
  it('gets all when the sequence that he has is of another start', () => {
    const { log } = bed();
    log.add(repaired);
    expect(log.list(17).events).toHaveLength(1);
    expect(log.list(1).events).toHaveLength(0);
  });

  it('is told each event once, until he ends it', () => {
    const { log } = bed();
    const seen: MeshEvent[] = [];
    const end = log.watch((event) => seen.push(event));
    log.add(repaired);
    end();
    log.add(repaired);
    expect(seen.map(({ sequence }) => sequence)).toEqual([1]);
  });

  it('counts every event by its reason, also those that are forgotten', () => {
    const { log } = bed(2);
    for (let number = 0; number < 5; number += 1) log.add(programmed(number));
    log.add(repaired);
    expect(log.totals()).toEqual([{ type: 'Normal', reason: 'Programmed', count: 5 }, { type: 'Warning', reason: 'Repaired', count: 1 }]);
  });
});

it('an event is told to the log with its code, so that a line can be searched for', () => {
  const lines: unknown[] = [];
  const events = new EventRecorder(bed().log, { ...silentLogger, warn: (message, fields) => lines.push([message, fields]), info: (message, fields) => lines.push([message, fields]) });
  events.warning('Repaired', { kind: 'kernel', name: 'host' }, 'repaired: rule', { kind: 'iptables' });
  events.normal('DrainBegan', { kind: 'task', name: 'web.1' }, 'takes no new connections any more');
  events.warningAgain('Retrying', { kind: 'node', name: 'h1' }, 'no news');
  expect(lines).toEqual([
    ['kernel host: repaired: rule', { reason: 'Repaired', kind: 'iptables' }],
    ['task web.1: takes no new connections any more', { reason: 'DrainBegan' }],
  ]);
});
