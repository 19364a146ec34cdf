import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseExposition } from '../../unit/metrics/strict-parser.js';
import { eventually, lab, on, shell } from '../support/lab.js';
import { nodeAddress, removeMesh, served, startMesh, status, stopMesh } from '../support/mesh.js';
import { createService, removeServices, servicesWithin, updateService } from '../support/swarm.js';
import { ask } from '../support/traffic.js';

const h1 = on('h1');
const metricsAddress = '127.0.0.1:9798';

interface TestEvent {
  readonly sequence: number;
  readonly type: string;
  readonly reason: string;
  readonly object: { readonly kind: string; readonly name: string };
  readonly message: string;
  readonly count: number;
}

const control = (path: string) => h1('curl', '-sS', '--max-time', '20', '--unix-socket', '/run/routemesh/control.sock', `http://routemesh${path}`);
const eventsAfter = async (sequence: number) => (JSON.parse(await control(`/events?after=${sequence}`)) as { readonly latest: number; readonly events: readonly TestEvent[] });
const latestSequence = async () => (await eventsAfter(0)).latest;

/** Waits for an event of this reason and object after a sequence. */
function happened(reason: string, name: string, after: number): Promise<TestEvent> {
  return eventually(async () => {
    const { events } = await eventsAfter(after);
    const found = events.find((event) => event.reason === reason && event.object.name === name);
    if (found === undefined) throw new Error(`no ${reason} of ${name}; there are ${events.map((event) => `${event.reason} ${event.object.name}`).join(', ')}`);
    return found;
  });
}

const scrape = async () => parseExposition(await h1('curl', '-sS', '--fail', '--max-time', '20', `http://${metricsAddress}/metrics`));
const codeOf = async (path: string) => (await shell('h1', `curl -s -o /dev/null -w '%{http_code}' --max-time 20 http://${metricsAddress}${path} || true`)).trim();

async function valueOf(metric: string, ...labels: readonly string[]): Promise<number> {
  const samples = [...((await scrape()).get(metric)?.samples ?? [])].filter(([series]) => labels.every((label) => series.includes(label)));
  return samples.reduce((sum, [, value]) => sum + value, 0);
}

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80'], 2);
  await startMesh('h1', '--metrics', metricsAddress);
  await served({ 'tcp/8080': 2 });
}, servicesWithin);
afterAll(async () => {
  await removeServices('web', 'refused');
  await removeMesh();
}, 120_000);

describe('an event tells', () => {
  it('a label that is refused, and that it is so no longer', async () => {
    const before = await latestSequence();
    await createService('refused', ['--publish', '8090:80', '--label', 'routemesh.scheduler=fastest']);
    expect(await happened('BadPolicy', 'refused', before)).toMatchObject({ type: 'Warning', object: { kind: 'service' } });

    await updateService('refused', '--label-rm', 'routemesh.scheduler');
    expect(await happened('Resolved', 'refused', before)).toMatchObject({ type: 'Normal' });
    await removeServices('refused');
  }, 180_000);

  it('a repair, in status and in the log by the same code', async () => {
    const before = await latestSequence();
    await shell('h1', 'iptables -t nat -F MESH-INGRESS');
    expect(await happened('Repaired', 'host', before)).toMatchObject({ type: 'Warning', object: { kind: 'kernel' } });
    expect(await shell('h1', 'routemesh status')).toMatch(/Latest events\n[\s\S]*Repaired( ×\d+)? +kernel host +repaired: /);
    expect(await lab(['mesh', 'h1', 'logs'])).toMatch(/"level":"warn","message":"kernel host: repaired: [^\n]*"reason":"Repaired"/);
    expect(await valueOf('routemesh_repairs_total', 'kind="iptables"')).toBeGreaterThan(0);
  }, 120_000);

  it('a drain, from its begin to its end', async () => {
    const before = await latestSequence();
    await updateService('web', '--replicas', '1');
    await eventually(async () => {
      const { events } = await eventsAfter(before);
      const began = events.find(({ reason }) => reason === 'DrainBegan');
      expect(`${began?.object.kind} ${began?.object.name}`).toMatch(/^task web\.[12]$/);
      expect(events.filter(({ reason, object }) => reason === 'DrainEnded' && object.name === began?.object.name)).toHaveLength(1);
    }, 120_000);
    await updateService('web', '--replicas', '2');
    await served({ 'tcp/8080': 2 });
  }, 240_000);

  it('to who watches, as it happens', async () => {
    const after = await latestSequence();
    const stream = await shell('h1', `curl -sN --max-time 15 --unix-socket /run/routemesh/control.sock 'http://routemesh/events?watch=1&after=${after}' >/tmp/events & sleep 1; iptables -F MESH-INGRESS; for i in $(seq 100); do grep -q Repaired /tmp/events && break; sleep 0.1; done; kill $! || true; head -1 /tmp/events`);
    expect(JSON.parse(stream)).toMatchObject({ reason: 'Repaired', type: 'Warning' });
  }, 60_000);
});

describe('metrics over TCP', () => {
  it('are on loopback only, and say how many connections each port had', async () => {
    const before = await valueOf('routemesh_port_connections_total', 'port="8080"');
    const answers = await ask('client', `http://${nodeAddress}:8080`, 20);
    expect(answers).toHaveLength(20);
    // The kernel refreshes its counters every two seconds.
    await eventually(async () => expect((await valueOf('routemesh_port_connections_total', 'port="8080"')) - before).toBe(20));
    expect(await valueOf('routemesh_real_server_connections_total', 'port="8080"', 'service="web"')).toBeGreaterThanOrEqual(20);
    expect(await valueOf('routemesh_port_bytes_total', 'port="8080"', 'direction="out"')).toBeGreaterThan(0);
    expect(await shell('client', `curl -s --max-time 3 http://${nodeAddress}:9798/metrics || echo refused`)).toBe('refused\n');
  }, 120_000);

  it('measure a change from Docker’s own time to the kernel', async () => {
    const before = await valueOf('routemesh_convergence_seconds', '_count');
    await updateService('web', '--publish-add', '8091:81');
    await served({ 'tcp/8080': 2, 'tcp/8091': 2 });
    await eventually(async () => expect(await valueOf('routemesh_convergence_seconds', '_count')).toBeGreaterThan(before));
    expect((await valueOf('routemesh_convergence_seconds', '_sum')) / (await valueOf('routemesh_convergence_seconds', '_count'))).toBeLessThan(60);
    // Docker takes away every port of this target port.
    await updateService('web', '--publish-rm', '81');
    await served({ 'tcp/8080': 2 });
  }, 240_000);

  it('lose the series of what is gone', async () => {
    await eventually(async () => expect(await valueOf('routemesh_port_real_servers', 'port="8091"')).toBe(0));
    await eventually(async () => {
      const [families, { ports }] = [await scrape(), await status()];
      const told = [...(families.get('routemesh_real_server_weight')?.samples.keys() ?? [])];
      expect(told).toHaveLength(ports.flatMap(({ backends }) => backends).length);
    });
  }, 120_000);
});

describe('readiness', () => {
  it('is 503 until the kernel is programmed, while the process is alive', async () => {
    await stopMesh();
    await shell('h1', 'rm -f /var/lib/routemesh/cluster-state.json; kill -STOP $(cat /run/docker.pid)');
    try {
      // Nobody answers and nothing is remembered of the cluster: there is nothing to program yet.
      await shell('h1', `setsid routemesh run --log-format json --metrics ${metricsAddress} >>/var/log/routemesh.log 2>&1 </dev/null & echo $! >/run/lab/mesh.pid`);
      await eventually(async () => expect([await codeOf('/healthz'), await codeOf('/readyz')]).toEqual(['200', '503']), 120_000);
    } finally {
      await shell('h1', 'kill -CONT $(cat /run/docker.pid)');
    }
    await eventually(async () => expect(await codeOf('/readyz')).toBe('200'), 120_000);
    expect(await valueOf('routemesh_programmed')).toBe(1);
  }, 300_000);
});
