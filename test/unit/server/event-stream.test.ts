import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noInsight } from '../../../src/controller/insight.js';
import { EventLog, type EventListing } from '../../../src/controller/event-log.js';
import type { MeshEvent, NewEvent } from '../../../src/event.js';
import { silentLogger } from '../../../src/log.js';
import { askController } from '../../../src/server/control-client.js';
import { startControlServer, type ControlServer } from '../../../src/server/control-server.js';
import { statusReport } from '../status-report.js';

let folder: string;
let path: string;
let server: ControlServer;
let log: EventLog;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-events-'));
  path = join(folder, 'control.sock');
  log = new EventLog();
  server = await startControlServer(path, { readiness: () => statusReport(), report: () => statusReport(), state: () => null, plan: () => null, insight: () => noInsight, health: () => ({ alive: true }), metrics: () => Promise.resolve(''), events: log }, silentLogger);
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const repaired = (number: number, message = `repaired: rule ${number}`): NewEvent => ({ type: 'Warning', reason: 'Repaired', object: { kind: 'kernel', name: 'host' }, message });

/** A stream of events, line by line; `end` hangs up. */
function watch(query: string) {
  const lines: MeshEvent[] = [];
  let rest = '';
  const call = request({ socketPath: path, path: `/events?watch=1${query}` }, (response) => {
    response.setEncoding('utf8').on('data', (piece: string) => {
      const parts = (rest + piece).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts.map((line) => JSON.parse(line) as MeshEvent));
    });
    response.on('error', () => undefined);
  });
  call.on('error', () => undefined);
  call.end();
  return {
    lines,
    until: async (count: number) => { while (lines.length < count) await new Promise((resolve) => setTimeout(resolve, 2)); },
    end: () => { call.destroy(); },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

it('all events are there to be read, or those after the last that was seen', async () => {
  log.add(repaired(1));
  log.add(repaired(2));
  expect(await askController(path, '/events')).toMatchObject({ latest: 2, events: [{ sequence: 1 }, { sequence: 2, message: 'repaired: rule 2' }] });
  expect(((await askController(path, '/events?after=1')) as EventListing).events.map(({ sequence }) => sequence)).toEqual([2]);
  await expect(askController(path, '/events?after=yesterday')).rejects.toThrow(/400: expected after to be the sequence of an event/);
});

it('who watches is told those that there are and then each as it happens, without a gap between', async () => {
  log.add(repaired(1));
  log.add(repaired(2));
  const stream = watch('&after=1');
  await stream.until(1);
  log.add(repaired(3));
  await stream.until(2);
  expect(stream.lines.map(({ sequence }) => sequence)).toEqual([2, 3]);
  stream.end();
  await until(() => log.watchers === 0);
});

it('who does not read his stream is cut off: he costs bounded memory', async () => {
  const socket = createConnection(path);
  socket.on('error', () => undefined);
  socket.write('GET /events?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n');
  socket.pause();
  await until(() => log.watchers === 1);
  for (let number = 0; log.watchers === 1 && number < 100_000; number += 1) {
    log.add(repaired(number, `${number} ${'x'.repeat(400)}`));
    if (number % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(log.watchers).toBe(0);
  socket.destroy();
});

it('only so many may watch, and the next is told what to do instead', async () => {
  const streams = Array.from({ length: 16 }, () => watch(''));
  await until(() => log.watchers === 16);
  await expect(askController(path, '/events?watch=1')).rejects.toThrow(/503: 16 watch already/);
  expect(await askController(path, '/events')).toMatchObject({ latest: 0, events: [] });
  for (const stream of streams) stream.end();
  await until(() => log.watchers === 0);
});
