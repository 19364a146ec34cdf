import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { SystemError, watchProcessEnd } from '../../../native/index.js';

let child: ChildProcess;
let processId: number;

beforeEach(() => {
  child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  if (child.pid === undefined) throw new Error('cat can’t be started');
  processId = child.pid;
});

afterEach(() => {
  child.kill('SIGKILL');
});

test('a container’s crash is heard the moment its process ends, and no descriptor is left behind', async () => {
  const open = readdirSync('/proc/self/fd').length;
  const ended = new Promise<void>((resolve) => { watchProcessEnd(processId, resolve); });
  expect(readdirSync('/proc/self/fd')).toHaveLength(open + 1);
  child.kill('SIGKILL');
  await ended;
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(open);
});

test('nothing is told of a process that is not watched any more', async () => {
  let told = 0;
  const watch = watchProcessEnd(processId, () => { told += 1; });
  watch.close();
  watch.close();
  const ended = new Promise<void>((resolve) => { watchProcessEnd(processId, resolve); });
  child.stdin?.end();
  await ended;
  expect(told).toBe(0);
});

test('a process that has gone already is refused, by name', async () => {
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await exited;
  expect(() => watchProcessEnd(processId, () => undefined)).toThrow(SystemError);
  expect(() => watchProcessEnd(processId, () => undefined)).toThrow(/pidfd_open failed on process \d+: ESRCH/);
});
