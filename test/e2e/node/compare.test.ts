import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { askDocker } from '../support/docker.js';
import { attempt, eventually, lab, on, shell } from '../support/lab.js';
import { load as startLoad, losses, nothingLost, type Load } from '../support/load.js';
import { dockerSandbox, expectNothingToDo, nodeAddress, realServers, removeMesh, served, startMesh, stopMesh } from '../support/mesh.js';
import { createService, hostNames, removeServices, servicesWithin, tasksRunning } from '../support/swarm.js';
import { ask, clients, servers } from '../support/traffic.js';

const url = (port: number) => `http://${nodeAddress}:${port}`;

interface Port {
  readonly port: string;
  readonly service: string | null;
  readonly servedBy: string;
  readonly answering: string;
  readonly why: string | null;
  readonly sameServers: boolean | null;
  readonly facts: readonly { readonly what: string; readonly routemesh: string | null; readonly dockerd: string | null; readonly why: string | null }[];
}

interface Comparison {
  readonly verdict: { readonly both: number; readonly onlyRoutemesh: number; readonly onlyDockerd: number; readonly different: readonly string[] };
  readonly ports: readonly Port[];
  readonly sandbox: readonly { readonly what: string; readonly routemesh: string | null; readonly dockerd: string | null; readonly why: string | null }[];
}

/** The comparison, and its exit code. */
async function compare(): Promise<Comparison & { readonly code: number | null }> {
  const { code, stdout, stderr } = await attempt(['exec', 'h1', 'routemesh', 'compare', '--json']);
  if (code !== 0 && code !== 2) throw new Error(`compare ended with ${code}: ${stderr}`);
  return { ...(JSON.parse(stdout) as Comparison), code };
}

function portOf({ ports }: Comparison, key: string): Port {
  const found = ports.find(({ port }) => port === key);
  if (found === undefined) throw new Error(`compare tells nothing of ${key}`);
  return found;
}

/** Ids of a service's tasks that run: the same ones for as long as Swarm starts none anew. */
async function taskIds(service: string): Promise<string[]> {
  const tasks = await askDocker<readonly { readonly ID: string; readonly Status: { readonly State: string } }[]>('h1', '/tasks', { service: [service] });
  return tasks.filter(({ Status: { State: state } }) => state === 'running').map(({ ID: id }) => id).sort();
}

interface Spec {
  readonly Spec: { readonly Labels: Readonly<Record<string, string>> };
}

const specOf = async (service: string) => (await askDocker<Spec>('h1', `/services/${service}`)).Spec;

interface Switched {
  readonly label: { readonly before: string | null; readonly after: string | null; readonly changed: boolean };
  readonly ports: readonly { readonly port: string; readonly before: string; readonly after: string | null }[];
  readonly waited: { readonly outcome: string } | null;
}

async function switchTo(mesh: 'routemesh' | 'dockerd', ...flags: readonly string[]): Promise<Switched> {
  return JSON.parse(await on('h1')('routemesh', 'switch', 'web', mesh, '--json', ...flags)) as Switched;
}

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80', '--publish', '8081:81', '--env', 'PORT=80,81', '--label', 'color=blue'], 3);
  await createService('left', ['--publish', '8180:80', '--label', 'routemesh.enabled=false']);
  await createService('chosen', ['--publish', '8090:80', '--label', 'routemesh.scheduler=lc', '--label', 'routemesh.source-ip=snat']);
  await lab(['exec', 'h1', 'docker', 'network', 'create', '--driver', 'overlay', 'back']);
  await createService('labelled', ['--network', 'back', '--label', 'routemesh.publish=8300:80']);
  await startMesh();
  await served({ 'tcp/8080': 3, 'tcp/8081': 3, 'tcp/8090': 1, 'tcp/8300': 1 });
}, servicesWithin);

afterAll(async () => {
  await removeServices('web', 'left', 'chosen', 'labelled');
  await removeMesh();
  await shell('h1', 'docker network rm back >/dev/null || true');
}, 240_000);

describe('routemesh compare', () => {
  it('finds the same real servers in both meshes, and says what differs and why', async () => {
    const found = await compare();
    expect(found.verdict).toEqual({ both: 3, onlyRoutemesh: 1, onlyDockerd: 1, different: [] });
    expect(found.code).toBe(0);
    const web = portOf(found, 'tcp/8080');
    expect(web).toMatchObject({ service: 'web', servedBy: 'both', answering: 'routemesh', why: null, sameServers: true });
    expect(web.facts.filter(({ what }) => what.startsWith('real server'))).toHaveLength(3);
    expect(web.facts.find(({ what }) => what === 'source address')).toMatchObject({ routemesh: 'the client’s own', dockerd: expect.stringMatching(/^10\.0\.0\.\d+ \(SNAT\)$/) });
    expect(web.facts.find(({ what }) => what === 'firewall mark')?.routemesh).toBe('0x61f90 (401296)');
    expect(portOf(found, 'tcp/8090').facts.find(({ what }) => what === 'scheduler')).toMatchObject({ routemesh: 'lc', dockerd: 'rr' });
    expect(portOf(found, 'tcp/8090').facts.find(({ what }) => what === 'source address')?.routemesh).toMatch(/\(SNAT\)$/);
    const timeout = found.sandbox.find(({ what }) => what === 'IPVS timeout tcp');
    expect(timeout).toMatchObject({ routemesh: '8000 s', dockerd: '900 s' });
    expect(timeout?.why).toContain('900 s');
  });

  it('says why a port is in one mesh only', async () => {
    const found = await compare();
    expect(portOf(found, 'tcp/8180')).toMatchObject({ service: 'left', servedBy: 'dockerd', answering: 'dockerd', why: expect.stringContaining('routemesh.enabled=false') });
    expect(portOf(found, 'tcp/8300')).toMatchObject({ service: 'labelled', servedBy: 'routemesh', answering: 'routemesh', why: expect.stringContaining('routemesh.publish') });
  });

  it('tells a task that one mesh has drained, and ends with 2 because the real servers differ', async () => {
    const [drained] = await realServers(dockerSandbox);
    if (drained === undefined) throw new Error('dockerd has no real server');
    await shell('h1', `nsenter --net=${dockerSandbox} ipvsadm -e -f ${drained.fwmark} -r ${drained.address}:${drained.port} -m -w 0`);
    const found = await compare();
    await shell('h1', `nsenter --net=${dockerSandbox} ipvsadm -e -f ${drained.fwmark} -r ${drained.address}:${drained.port} -m -w 1`);
    expect(found.code).toBe(2);
    // dockerd has one virtual service for all ports of a service.
    expect(found.verdict.different).toEqual(['tcp/8080', 'tcp/8081']);
    const [key = ''] = found.verdict.different;
    expect(portOf(found, key).facts.find(({ what }) => what.includes(`${drained.address} `))?.why).toContain('stays at weight 0');
  });

  it.each([60, 100, 160])('prints for a terminal of %i columns what fits there', async (columns) => {
    const text = await shell('h1', `script -qec 'stty cols ${columns}; NO_COLOR=1 routemesh compare' /dev/null | tr -d '\\r'`);
    const lines = text.split('\n');
    expect(text).toContain('SAME: each port in both meshes has the same real servers');
    expect(text).toContain('Why they differ');
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(columns);
  });
});

describe('routemesh switch', () => {
  it('says what it would do, and does nothing, with --dry-run', async () => {
    const before = await specOf('web');
    expect(await switchTo('dockerd', '--dry-run')).toMatchObject({ label: { before: null, after: 'false', changed: false }, waited: null });
    expect(await specOf('web')).toEqual(before);
  });

  it('moves a service to dockerd and back under load: no connection is lost, no stream cut, no task started anew', async () => {
    const before = { ids: await taskIds('web'), spec: await specOf('web') };
    const running: Load = await startLoad('switch', { urls: [url(8080)], parallel: 4, pause: 20, streams: 4, streamSeconds: 600 });
    const told: string[] = [];
    for (const mesh of ['dockerd', 'routemesh', 'dockerd', 'routemesh'] as const) {
      const { waited, ports, label } = await switchTo(mesh);
      expect(waited?.outcome).toBe('done');
      expect(label.after).toBe(String(mesh === 'routemesh'));
      expect(ports.find(({ port }) => port === 'tcp/8080')?.after).toBe(mesh);
      told.push(`${mesh} ${JSON.stringify(waited)}`);
      const seen = clients(await ask('client', url(8080), 3));
      if (mesh === 'dockerd') expect(seen.every((address) => address.startsWith('10.0.0.'))).toBe(true);
      else expect(seen).toEqual(['192.168.56.100']);
      await shell('client', 'sleep 3');
    }
    const report = await running.finish();
    console.info(`switched under load: ${JSON.stringify(losses(report))} of ${report.requests.ok} requests, ${report.streams.opened} streams; ${told.join('; ')}`);
    expect(report.requests.ok).toBeGreaterThan(50);
    expect({ ...losses(report), failures: report.failures }).toEqual({ ...nothingLost, failures: [] });
    expect(report.streams.opened).toBe(4);
    expect(await taskIds('web')).toEqual(before.ids);
    const { Labels: labels, ...rest } = await specOf('web');
    const { Labels: labelsBefore, ...restBefore } = before.spec;
    expect(rest).toEqual(restBefore);
    expect(labels).toEqual({ ...labelsBefore, 'routemesh.enabled': 'true' });
  }, 300_000);

  it('moves a service whose ports are answered by all of its tasks on both sides', async () => {
    await switchTo('dockerd');
    expect(servers(await ask('client', url(8081), 6))).toEqual(await hostNames('web'));
    await switchTo('routemesh');
    expect(servers(await ask('client', url(8081), 6))).toEqual(await hostNames('web'));
    await tasksRunning('web', 3);
    await expectNothingToDo();
  }, 120_000);

  it('names what is wrong: no such service, no such mesh, no controller', async () => {
    expect(await attempt(['exec', 'h1', 'routemesh', 'switch', 'nobody', 'dockerd'])).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no service "nobody"') });
    expect(await attempt(['exec', 'h1', 'routemesh', 'switch', 'web', 'kube'])).toMatchObject({ code: 64 });
    await stopMesh();
    expect(await attempt(['exec', 'h1', 'routemesh', 'switch', 'web', 'dockerd'])).toMatchObject({ code: 1, stderr: expect.stringContaining('No controller runs on this node') });
    expect((await specOf('web')).Labels['routemesh.enabled']).toBe('true');
    await startMesh();
  }, 120_000);
});

describe('routemesh top', () => {
  interface Sample {
    readonly ports: readonly { readonly port: string; readonly service: string | null; readonly connections: number; readonly connectionsPerSecond: number; readonly active: number; readonly bytesOutPerSecond: number; readonly servers: readonly { readonly task: string | null; readonly connections: number }[] }[];
  }
  const top = async (): Promise<Sample> => JSON.parse(await on('h1')('routemesh', 'top', '--once', '--json')) as Sample;

  it('shows the connections of a load, by port and real server, with names', async () => {
    const running = await startLoad('top', { urls: [url(8080)], parallel: 4, pause: 20, streams: 3 });
    await eventually(async () => {
      const web = (await top()).ports.find(({ port }) => port === 'tcp/8080');
      expect(web?.service).toBe('web');
      expect(web?.connectionsPerSecond).toBeGreaterThan(0);
      expect(web?.active).toBeGreaterThanOrEqual(3);
      expect(web?.bytesOutPerSecond).toBeGreaterThan(0);
      expect(web?.servers.map(({ task }) => task).sort()).toEqual(['web.1', 'web.2', 'web.3']);
      expect(web?.servers.reduce((sum, { connections }) => sum + connections, 0)).toBe(web?.connections);
    });
    await running.finish();
  }, 120_000);

  it('prints one JSON object a line for each look, and goes on without a controller, then without names', async () => {
    await stopMesh();
    const lines = (await on('h1')('routemesh', 'top', '--json', '--interval', '0.5', '--count', '3')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as Sample).ports.find(({ port }) => port === 'tcp/8080')?.service)).toEqual([null, null, null]);
    await startMesh();
  }, 120_000);

  /** A command on a terminal; `end` is done once it has drawn a port. Gives all that was drawn, and then how the terminal was left. */
  async function drawn(command: string, end: string): Promise<string> {
    const typist = `until grep -q tcp/8080 /tmp/screen; do sleep 0.1; done; ${end}; until grep -q icanon /tmp/screen; do sleep 0.1; done`;
    return await shell('h1', `: >/tmp/screen; timeout 50 bash -c "${typist}" | timeout 50 script -qefc 'stty cols 80 rows 24; routemesh ${command}; stty -a' /tmp/screen >/dev/null; cat /tmp/screen`);
  }

  it.each(['q', '\\003'])('leaves the terminal as it was when %s is typed', async (key) => {
    const screen = await drawn('top --interval 1', `printf '${key}'`);
    expect(screen.indexOf('\u001b[?1049h')).toBeGreaterThanOrEqual(0);
    expect(screen.lastIndexOf('\u001b[?1049l')).toBeGreaterThan(screen.indexOf('tcp/8080'));
    expect(screen.slice(screen.lastIndexOf('\u001b[?1049l'))).toMatch(/ icanon /);
    expect(screen).toContain('\u001b[?25h');
  }, 60_000);

  it.each(['top', 'status --watch 1'])('leaves it so when it is killed, too: %s', async (command) => {
    const screen = await drawn(command, `pkill -TERM -f '^node .*/main.js ${command}'`);
    expect(screen.slice(screen.lastIndexOf('\u001b[?1049l'))).toMatch(/ icanon /);
  }, 60_000);
});
