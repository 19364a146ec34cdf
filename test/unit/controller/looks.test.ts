import { expect, it } from '@jest/globals';
import { Looks } from '../../../src/controller/looks.js';

/** A look that ends when it is told to, or when it is given up. */
function slowLook() {
  let end: (found: string) => void = () => undefined;
  let signal: AbortSignal | undefined;
  const work = (given: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      signal = given;
      end = resolve;
      given.addEventListener('abort', () => { reject(given.reason as Error); });
    });
  return { work, end: (found: string) => { end(found); }, isGivenUp: () => signal?.aborted === true };
}

function bed() {
  let time = 0;
  const looks = new Looks(() => time);
  return { looks, pass: (milliseconds: number) => { time += milliseconds; } };
}

it('a long look at the kernel does not keep a change of the cluster waiting', async () => {
  const { looks, pass } = bed();
  const { work } = slowLook();
  const found = looks.look(work, true);
  pass(600);

  looks.giveWay();

  expect(await found).toBeNull();
});

it('a look that has only begun gives way when it turns out to be a long one', async () => {
  const { looks } = bed();
  const { work, isGivenUp } = slowLook();
  const found = looks.look(work, true);

  looks.giveWay();
  expect(isGivenUp()).toBe(false);

  expect(await found).toBeNull();
});

it('a look that nothing waits for comes to its end, however long it takes', async () => {
  const { looks, pass } = bed();
  const { work, end } = slowLook();
  const found = looks.look(work, true);
  pass(60_000);

  end('differences');

  expect(await found).toBe('differences');
});

it('the look without which nothing could be programmed never gives way', async () => {
  const { looks, pass } = bed();
  const { work, end } = slowLook();
  const found = looks.look(work, false);
  pass(60_000);
  looks.giveWay();

  end('differences');

  expect(await found).toBe('differences');
});

it('changes without an end do not hide what somebody did to the kernel: after half a minute a look comes to its end', async () => {
  const { looks, pass } = bed();
  const givenUp = async () => {
    const { work } = slowLook();
    const found = looks.look(work, true);
    pass(1_000);
    looks.giveWay();
    return await found;
  };
  expect(await givenUp()).toBeNull();
  pass(29_000);
  expect(await givenUp()).toBeNull();
  pass(1_000);

  const { work, end } = slowLook();
  const found = looks.look(work, true);
  pass(1_000);
  looks.giveWay();
  end('differences');
  expect(await found).toBe('differences');

  expect(await givenUp()).toBeNull();
});

it('a regular look waits for a quiet moment, yet a container that crashes for ever keeps nobody’s meddling hidden: after ten seconds it is made', async () => {
  const { looks, pass } = bed();
  expect(looks.mayWait()).toBe(true);
  pass(10_000);
  expect(looks.mayWait()).toBe(true);
  pass(1);
  expect(looks.mayWait()).toBe(false);
  await looks.look(() => Promise.resolve('all'), true);
  expect(looks.mayWait()).toBe(true);
});

it('a controller that is told to stop does not wait for a look', async () => {
  const { looks } = bed();
  const found = looks.look(slowLook().work, false);

  looks.stop();

  expect(await found).toBeNull();
  expect(await looks.look(slowLook().work, false)).toBeNull();
});

it('what goes wrong in a look is told, not taken for a look that was given up', async () => {
  const { looks } = bed();
  await expect(looks.look(() => Promise.reject(new Error('no sandbox')), true)).rejects.toThrow('no sandbox');
});
