import { describe, expect, it } from '@jest/globals';
import { advantage, median, percentile, slope, summarise } from '../../bench/statistics.js';

describe('statistics of the benchmark', () => {
  it('gives the middle of the samples, so that one slow round does not decide', () => {
    expect(median([3, 1, 90])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  it('gives a percentile that was really measured', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile([5, 9], 0.99)).toBe(9);
    expect(percentile([5, 9], 0)).toBe(5);
  });

  it('refuses to make a figure of nothing', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  it('tells how far the samples are apart, and how many there are', () => {
    expect(summarise([8, 2, 4])).toEqual({ value: 4, lowest: 2, highest: 8, count: 3 });
    expect(summarise([8, 2, 4], (samples) => percentile(samples, 0.99)).value).toBe(8);
  });

  it('sees growth in samples that go up and down', () => {
    expect(slope([[0, 10], [1, 13], [2, 14], [3, 17]])).toBeCloseTo(2.2);
    expect(slope([[0, 5], [1, 5]])).toBe(0);
    expect(slope([[1, 5]])).toBe(0);
  });

  it('calls routemesh ahead above 1, whether less or more is better', () => {
    expect(advantage('lower', 2, 8)).toBe(4);
    expect(advantage('higher', 200, 100)).toBe(2);
    expect(advantage('higher', 50, 100)).toBe(0.5);
  });

  it('makes no ratio of a time that was over before it was asked for', () => {
    expect(advantage('lower', -3, 8)).toBeNull();
    expect(advantage('lower', 3, 0)).toBeNull();
  });
});
