import { describe, expect, it } from '@jest/globals';
import { publishLabel } from '../../bench/publish-label.js';

describe('the label by which the benchmark publishes', () => {
  it('says ports that follow each other as a range, others one by one', () => {
    expect(publishLabel([{ published: 8000, target: 80 }, { published: 8001, target: 80 }])).toBe('8000:80/tcp,8001:80/tcp');
    expect(publishLabel([10_000, 10_001, 10_002, 13_000].map((port) => ({ published: port, target: port })))).toBe('10000-10002:10000-10002/tcp,13000:13000/tcp');
    expect(publishLabel([{ published: 80, target: 80, protocol: 'tcp' }, { published: 81, target: 81, protocol: 'udp' }])).toBe('80:80/tcp,81:81/udp');
  });

  it('is short enough for a thousand ports', () => {
    expect(publishLabel(Array.from({ length: 1000 }, (_, index) => ({ published: 10_000 + index, target: 10_000 + index }))).length).toBeLessThan(100);
  });
});
