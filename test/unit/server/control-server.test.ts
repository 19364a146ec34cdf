import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventLog } from '../../../src/controller/event-log.js';
import { noInsight } from '../../../src/controller/insight.js';
import type { StatusReport } from '../../../src/controller/report.js';
import { silentLogger } from '../../../src/log.js';
import { askController, NoControllerError } from '../../../src/server/control-client.js';
import { startControlServer, type ControlFacts, type ControlServer } from '../../../src/server/control-server.js';
import { statusReport } from '../status-report.js';

let folder: string;
let path: string;
let server: ControlServer | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'routemesh-server-'));
  path = join(folder, 'run', 'control.sock');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(folder, { recursive: true });
});

async function serve(report: StatusReport, facts: Partial<ControlFacts> = {}): Promise<void> {
  server = await startControlServer(path, { readiness: () => report, report: () => report, state: () => null, plan: () => null, insight: () => noInsight, health: () => ({ alive: true }), metrics: () => Promise.resolve('up 1\n'), events: new EventLog(), ...facts }, silentLogger);
}

/** Speaks HTTP by hand: what a strange client may send. */
function exchange(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let answer = '';
    socket.on('data', (data) => { answer += String(data); });
    socket.on('close', () => { resolve(answer); });
    socket.on('error', reject);
    socket.write(text);
  });
}

describe('the control socket', () => {
  it('is open to nobody but root: its folder 0700, itself 0600', async () => {
    await serve(statusReport());
    expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o700);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('gives the status that `routemesh status` shows', async () => {
    await serve(statusReport());
    expect(await askController(path, '/status')).toEqual(statusReport());
  });

  it('is alive but not ready until the kernel holds the plan, so that nothing is sent to a half-built node', async () => {
    await serve(statusReport({ programmed: false, lastSync: null }));
    expect(await askController(path, '/healthz')).toEqual({ alive: true });
    expect(await exchange('GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 503 .*"no sync has ended yet"/s);
  });

  it('says whether it is ready without counting connections: with 10,000 ports that takes longer than who asks for it waits', async () => {
    let reports = 0;
    await serve(statusReport(), { report: () => { reports += 1; return statusReport(); } });
    expect(await exchange('GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 200 .*"ready":true/s);
    expect(reports).toBe(0);
  });

  it('is not alive while its loop is stuck in a sync: whoever watches over it must not be told that all is well', async () => {
    await serve(statusReport(), { health: () => ({ alive: false, reason: 'a sync has been running for 130 s' }) });
    expect(await exchange('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 503 .*"a sync has been running for 130 s"/s);
  });

  it('tells the metrics as Prometheus reads them, not as JSON', async () => {
    await serve(statusReport());
    expect(await exchange('GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 200 .*content-type: text\/plain; version=0.0.4.*\r\n\r\nup 1\n$/s);
  });

  it('says that there is no plan yet, instead of an empty one', async () => {
    await serve(statusReport());
    await expect(askController(path, '/plan')).rejects.toThrow(/503: nothing was planned yet/);
    await expect(askController(path, '/state')).rejects.toThrow(/503: no cluster state/);
  });

  it('answers 500 and goes on when a report has something in it that JSON does not know: a controller is not to end by a question', async () => {
    await serve(statusReport(), { report: () => ({ ...statusReport(), bytes: 1n }) as StatusReport });
    expect(await exchange('GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1.1 500 .*BigInt/s);
    expect(await askController(path, '/healthz')).toEqual({ alive: true });
  });

  it('answers 500 and goes on when a report fails', async () => {
    await serve(statusReport(), { report: () => Promise.reject(new Error('IPVS is gone')) });
    await expect(askController(path, '/status')).rejects.toThrow(/500: IPVS is gone/);
    expect(await askController(path, '/healthz')).toEqual({ alive: true });
  });

  it.each([
    ['POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n', 405],
    ['GET /constructor HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['rubbish\r\n\r\n', 400],
  ])('refuses what it does not know, and lives on: %#', async (request, status) => {
    await serve(statusReport());
    expect(await exchange(request)).toMatch(new RegExp(`^HTTP/1.1 ${status}`));
    expect(await askController(path, '/healthz')).toEqual({ alive: true });
  });

  it('takes over what a killed controller left behind', async () => {
    await serve(statusReport());
    await server?.close();
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(path, resolve));
    await serve(statusReport());
    expect(await askController(path, '/healthz')).toEqual({ alive: true });
    dead.close();
  });

  it('does not delete a file that somebody keeps at its path', async () => {
    path = join(folder, 'notes.txt');
    await writeFile(path, 'mine');
    await expect(serve(statusReport())).rejects.toThrow(/no socket is there/);
  });
});

describe('asking the controller', () => {
  it('says how to start one when none runs', async () => {
    const asked = askController(join(folder, 'none.sock'), '/status');
    await expect(asked).rejects.toBeInstanceOf(NoControllerError);
    await expect(asked).rejects.toThrow(/routemesh run/);
  });

  it('ends after a time when the controller hangs', async () => {
    await serve(statusReport(), { report: () => new Promise(() => undefined) });
    await expect(askController(path, '/status', 50)).rejects.toThrow(/did not answer/);
  });
});
