import { expect, it } from '@jest/globals';
import type { Condition } from '../../../src/cluster/condition.js';
import { ConditionLog } from '../../../src/controller/condition-log.js';
import { EventRecorder } from '../../../src/event.js';
import { silentLogger } from '../../../src/log.js';

const conflict: Condition = {
  reason: 'PortConflict',
  object: { kind: 'service', id: 'abc', name: 'web' },
  message: 'nginx (pid 12) listens on tcp/8080 of this node; stop it or publish another number',
};

it('tells of a condition once when it comes and once when it goes, not at every sync', () => {
  const lines: string[] = [];
  const log = new ConditionLog(
    new EventRecorder({ add: () => undefined }, { ...silentLogger, warn: (line, fields) => lines.push(`warn ${line} ${String(fields?.reason)}`), info: (line, fields) => lines.push(`info ${line} ${String(fields?.reason)}`) }),
  );
  log.replace([conflict]);
  log.replace([conflict]);
  expect(log.list()).toEqual([conflict]);
  log.replace([]);
  expect(lines).toEqual([`warn service web: ${conflict.message} PortConflict`, `info service web: no longer PortConflict: ${conflict.message} Resolved`]);
});
