import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PeerHealth } from '../../../src/controller/peer-health.js';

const timeoutMilliseconds = 1_000;
const interval = 200;

/** A peer that is asked every 200 ms and answers after 5 ms while `answers` says so; gives its state at each verdict. */
function lived(health: PeerHealth, from: number, until: number, answers: (at: number) => boolean): string[] {
  const states: string[] = [];
  for (let at = from; at < until; at += interval) {
    states.push(health.judge(at));
    if (answers(at)) health.answered(at + 5, at);
  }
  return states;
}

/** One that has answered from 0 to `until`. */
function alive(until: number): PeerHealth {
  const health = new PeerHealth({ timeoutMilliseconds }, 0);
  lived(health, 0, until, () => true);
  return health;
}

describe('a peer', () => {
  it('that stops answering is dead before the timeout is over, so that the kernel can be told in time', () => {
    const health = alive(5_000);
    const states = lived(health, 5_000, 6_000, () => false);
    expect(states).toEqual(['alive', 'alive', 'alive', 'dead', 'dead']);
  });

  it('that answers again is back after two answers', () => {
    const health = alive(5_000);
    lived(health, 5_000, 8_000, () => false);
    expect(lived(health, 8_000, 8_800, () => true)).toEqual(['dead', 'dead', 'alive', 'alive']);
  });

  it('that comes and goes must answer longer each time, and is forgiven after a minute of peace', () => {
    const health = alive(1_000);
    const backAfter: number[] = [];
    let now = 1_000;
    for (let round = 0; round < 5; round += 1) {
      lived(health, now, now + 2_000, () => false);
      now += 2_000;
      const states = lived(health, now, now + 10_000, () => true);
      backAfter.push(states.indexOf('alive') * interval);
      now += 10_000;
    }
    for (let round = 1; round < backAfter.length; round += 1) expect(backAfter[round]).toBeGreaterThan(backAfter[round - 1] ?? 0);
    lived(health, now, now + 120_000, () => true);
    lived(health, now + 120_000, now + 122_000, () => false);
    expect(lived(health, now + 122_000, now + 124_000, () => true).indexOf('alive') * interval).toBe(backAfter[0]);
  });

  it('that is new gets time until its cable is laid, and is dead if it never answers', () => {
    const health = new PeerHealth({ timeoutMilliseconds }, 0);
    const states = lived(health, 0, 6_000, () => false);
    expect(states.indexOf('dead') * interval).toBeGreaterThanOrEqual(4 * timeoutMilliseconds);
    expect(states.at(-1)).toBe('dead');
  });

  it('that could not be asked is not dead for it', () => {
    const health = alive(5_000);
    for (let at = 5_000; at < 20_000; at += interval) {
      health.excuse(at, interval);
      expect(health.judge(at)).toBe('alive');
    }
  });

  it('that answers every question is never dead, however irregular the questions', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 200 }), (pauses) => {
        const health = new PeerHealth({ timeoutMilliseconds }, 0);
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          // What comes late for our own sake is excused, as the watch does.
          if (pause > interval) health.excuse(now, pause);
          expect(health.judge(now)).not.toBe('dead');
          health.answered(now, now);
        }
      }),
    );
  });

  it('is not alive by an answer to an old question', () => {
    const health = alive(1_000);
    lived(health, 1_000, 30_000, () => false);
    health.answered(30_000, 1_000);
    health.answered(30_001, 1_000);
    expect(health.judge(30_002)).toBe('dead');
  });
});
