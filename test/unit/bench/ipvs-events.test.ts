import { describe, expect, it } from '@jest/globals';
import { microseconds, parseEvents, takenInAt, takenOutAt } from '../../bench/ipvs-events.js';

const nodes = ['h1', 'h2'];
const seen = parseEvents(
  [
    'watching',
    '100 h1 397200 10.0.0.5:80 0',
    '200 h1 397200 10.0.0.5:80 1',
    '150 h2 397200 10.0.0.5:80 1',
    '300 h2 397200 10.0.0.5:80 0',
    '400 h1 397200 10.0.0.5:80 0',
    '450 h2 397200 10.0.0.5:80 -1',
    '500 h1 397200 10.0.0.5:80 -1',
    '600 h1 397200 10.0.0.6:80 1',
    '',
  ].join('\n'),
);

describe('what the watcher of IPVS saw', () => {
  it('counts a task as taken in when the last node sends to it, not when it is listed with weight 0', () => {
    expect(takenInAt(seen, '10.0.0.5', nodes)).toBe(200);
  });

  it('counts a task as taken out when the last node sends nothing more, though it is still listed', () => {
    expect(takenOutAt(seen, '10.0.0.5', nodes)).toBe(400);
  });

  it('waits for a node that has not noticed', () => {
    expect(takenInAt(seen, '10.0.0.6', nodes)).toBeNull();
    expect(takenOutAt(seen, '10.0.0.6', nodes)).toBeNull();
    expect(takenInAt([], '10.0.0.6', [])).toBeNull();
  });

  it('reads the times of Docker to the microsecond', () => {
    expect(microseconds('1970-01-01T00:00:02.123456789Z')).toBe(2_123_456);
    expect(microseconds('1970-01-01T00:00:02.5Z')).toBe(2_500_000);
    expect(microseconds('1970-01-01T00:00:02Z')).toBe(2_000_000);
  });
});
