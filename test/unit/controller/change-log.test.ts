import { expect, it } from '@jest/globals';
import { ChangeLog } from '../../../src/controller/change-log.js';
import { EventLog } from '../../../src/controller/event-log.js';
import { EventRecorder } from '../../../src/event.js';
import type { Change } from '../../../src/kernel/change.js';
import { silentLogger } from '../../../src/log.js';

const rule = (number: number): Change => ({ kind: 'iptables', place: 'host', action: 'add', key: `rule ${number}`, summary: `rule ${number}` });

function bed() {
  const eventLog = new EventLog();
  const log = new ChangeLog({ node: 'h1', events: new EventRecorder(eventLog, silentLogger), logger: silentLogger });
  return { log, told: () => eventLog.list().events.map(({ type, reason, object, message }) => `${type} ${reason} ${object.name}: ${message}`) };
}

it('a repair is an event of its place, and counted by its kind', () => {
  const { log, told } = bed();
  log.tell({ applied: [rule(1)], failed: [] }, [rule(1)], 'kernel hint');
  expect(told()).toEqual(['Warning Repaired host: repaired: rule 1', 'Normal Programmed h1: programmed: 1 added (kernel hint)']);
  expect(log.repairs()).toEqual({ iptables: 1 });
  expect(log.changes()).toEqual({ iptables: { add: 1 } });
});

it('a flushed table is some events, not a thousand, and counted in full', () => {
  const { log, told } = bed();
  const repairs = Array.from({ length: 1_000 }, (_, number) => rule(number));
  log.tell({ applied: repairs, failed: [] }, repairs, 'kernel hint');
  expect(told()).toHaveLength(22);
  expect(told()).toContain('Warning Repaired h1: repaired 980 more objects at the same time');
  expect(log.repairs()).toEqual({ iptables: 1_000 });
});

it('a repair that failed is none', () => {
  const { log, told } = bed();
  const change = rule(1);
  log.tell({ applied: [], failed: [{ change, error: new Error('EPERM') }] }, [change], 'kernel hint');
  expect(told()).toEqual([]);
  expect(log.repairs()).toEqual({});
});
