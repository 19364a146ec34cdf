import { describe, expect, it } from '@jest/globals';
import { tidied } from '../../bench/tidied.js';

describe('a run of the benchmark that fails', () => {
  it('tells what failed first, not only that nothing could be tidied up after it', async () => {
    const run = tidied(() => Promise.reject(new Error('no port answers')), () => Promise.reject(new Error('a container is left')));
    await expect(run).rejects.toThrow('no port answers\nThen tidying up failed, too: a container is left');
  });

  it('tidies up, and tells what failed as it is', async () => {
    const failure = new Error('no port answers');
    let isTidy = false;
    await expect(tidied(() => Promise.reject(failure), () => { isTidy = true; return Promise.resolve(); })).rejects.toBe(failure);
    expect(isTidy).toBe(true);
  });

  it('tells of what it could not tidy up after work that was done', async () => {
    await expect(tidied(() => Promise.resolve('done'), () => Promise.reject(new Error('a container is left')))).rejects.toThrow('a container is left');
    await expect(tidied(() => Promise.resolve('done'), () => Promise.resolve())).resolves.toBe('done');
  });
});
