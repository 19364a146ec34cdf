import { afterEach, describe, expect, it } from '@jest/globals';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { EventLog } from '../../../src/controller/event-log.js';
import { EventRecorder } from '../../../src/event.js';
import { silentLogger } from '../../../src/log.js';
import type { HealthFacts } from '../../../src/server/health-routes.js';
import { MetricsServer } from '../../../src/server/metrics-server.js';
import { statusReport } from '../status-report.js';

let server: MetricsServer;
let eventLog: EventLog;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close();
});

async function serve(facts: Partial<HealthFacts> = {}, port = 0): Promise<string> {
  eventLog = new EventLog();
  const all: HealthFacts = { health: () => ({ alive: true }), readiness: () => statusReport(), metrics: () => Promise.resolve('routemesh_programmed 1\n'), ...facts };
  server = new MetricsServer(all, { address: '127.0.0.1', port, events: new EventRecorder(eventLog, silentLogger), logger: silentLogger, retryMilliseconds: 20 });
  await server.start();
  return `http://${server.address}`;
}

const reasons = () => eventLog.list().events.map(({ reason }) => reason);

describe('metrics over TCP', () => {
  it('are in Prometheus’s own content type', async () => {
    const answer = await fetch(`${await serve()}/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toBe('routemesh_programmed 1\n');
    expect(reasons()).toEqual(['MetricsServed']);
  });

  it('come with a health that means it: a loop that is stuck is not alive, a node that is not programmed not ready', async () => {
    const healthy = await serve();
    expect([(await fetch(`${healthy}/healthz`)).status, (await fetch(`${healthy}/readyz`)).status]).toEqual([200, 200]);
    await server.close();

    const stuck = await serve({ health: () => ({ alive: false, reason: 'a sync has been running for 130 s' }), readiness: () => statusReport({ programmed: false, lastSync: null }) });
    const [health, ready] = [await fetch(`${stuck}/healthz`), await fetch(`${stuck}/readyz`)];
    expect([health.status, await health.json()]).toEqual([503, { alive: false, reason: 'a sync has been running for 130 s' }]);
    expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reasons: ['no sync has ended yet'] }]);
  });

  it('tell nothing that is for root alone, and take no orders', async () => {
    const base = await serve();
    for (const path of ['/status', '/state', '/plan', '/events', '/']) expect((await fetch(base + path)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405);
  });

  it('answer 500 and go on when they can’t be told', async () => {
    const base = await serve({ metrics: () => Promise.reject(new Error('IPVS is gone')) });
    expect((await fetch(`${base}/metrics`)).status).toBe(500);
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
  });

  it('hold a bounded number of connections, whoever opens them', async () => {
    const { port } = new URL(await serve());
    const ended: Promise<void>[] = [];
    for (let count = 0; count < 20; count += 1) {
      const socket = createConnection({ host: '127.0.0.1', port: Number(port) });
      socket.on('error', () => undefined);
      sockets.push(socket);
      ended.push(new Promise((resolve) => socket.once('close', () => { resolve(); })));
    }
    await Promise.race(ended);
    await Promise.all(ended.slice(16));
    expect(sockets.filter(({ destroyed }) => !destroyed)).toHaveLength(16);
  });

  it('are served once their address is free, and say so: a program that is slow to end costs a moment, not the metrics', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    await serve({}, (other.address() as AddressInfo).port);
    expect(reasons()).toEqual(['MetricsNotServed']);
    await new Promise((resolve) => other.close(resolve));
    while (server.address === null) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(reasons()).toEqual(['MetricsNotServed', 'MetricsServed']);
  });
});
