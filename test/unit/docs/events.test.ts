import { expect, it } from '@jest/globals';
import { conditionReasons } from '../../../src/cluster/condition.js';
import { eventReasons } from '../../../src/event.js';
import { rowsOf, word } from './table.js';

const rows = rowsOf('events.md');

it('every code that can be met is explained, and no other', () => {
  expect(rows.map(([reason]) => word(reason))).toEqual([...conditionReasons, ...eventReasons]);
});

it('every code has a cause and a remedy', () => {
  for (const row of rows) {
    const [cause, remedy] = row.slice(-2);
    expect(cause).toMatch(/^[A-Z].{20,}\.$/);
    expect(remedy).not.toBe('');
  }
});

it('codes are of one form, so that they can be searched for', () => {
  for (const reason of [...conditionReasons, ...eventReasons]) expect(reason).toMatch(/^([A-Z][a-z]+)+$/);
});
