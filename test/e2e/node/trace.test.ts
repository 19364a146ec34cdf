import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Trace } from '../../../src/trace/hop.js';
import { attempt, shell } from '../support/lab.js';
import { clientAddress, expectNothingToDo, nodeAddress, packetsCounted, removeMesh, served, startMesh, stopMesh } from '../support/mesh.js';
import { createService, removeServices, taskPid } from '../support/swarm.js';
import { ask, servers } from '../support/traffic.js';

const url = `http://${nodeAddress}:8080`;

/** `routemesh trace … --json` on the node, with its exit code. */
async function trace(...words: readonly string[]): Promise<Trace & { readonly code: number | null }> {
  const { code, stdout, stderr } = await attempt(['exec', 'h1', 'routemesh', 'trace', ...words, '--json']);
  if (stdout === '') throw new Error(`routemesh trace said nothing: ${stderr}`);
  return { ...(JSON.parse(stdout) as Trace), code };
}

/** Where it ends: place and step, what happens there. */
function endOf({ code, verdict: { end } }: Trace & { readonly code: number | null }) {
  return { code, at: `${end?.name ?? ''} ${end?.step ?? ''}`, what: end?.what, why: end?.why };
}

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80', '--publish', '8053:80/udp'], 2);
  await startMesh();
  await served({ 'tcp/8080': 2, 'udp/8053': 2 });
}, 240_000);

afterAll(async () => {
  await removeServices('web');
  await removeMesh();
}, 120_000);

describe('trace of a served port', () => {
  it.each([
    ['a stranger', []],
    ['the lab’s client', ['--from', clientAddress]],
    ['the node itself', ['--from', '127.0.0.1']],
    ['the node by its own address', ['--from', nodeAddress]],
  ])('leads %s to each of its tasks, and back', async (_name, from) => {
    const found = await trace('8080', ...from);
    expect(found.verdict.end).toBeNull();
    expect(found).toMatchObject({ code: 0, service: 'web', verdict: { reaches: true, servers: 2, reached: 2 } });
    expect(found.branches.map(({ task, node, outcome }) => ({ task, node, outcome })).sort((one, other) => String(one.task).localeCompare(String(other.task)))).toEqual(
      [1, 2].map((slot) => ({ task: `web.${slot}`, node: 'h1', outcome: 'reaches' })),
    );
  }, 30_000);

  it('leads to a UDP port as well', async () => {
    expect(await trace('8053/udp')).toMatchObject({ code: 0, verdict: { reaches: true, reached: 2 } });
  }, 30_000);

  it('shows the counters of the rule that takes the packets, as iptables has them', async () => {
    await ask('client', url, 3);
    const { hops } = await trace('8080');
    const nat = hops.find(({ step }) => step === 'nat PREROUTING');
    expect(nat?.counters?.packets).toBe(await packetsCounted('MESH-INGRESS', 'dpt:8080'));
  }, 30_000);

  it('names commands that can be run, each of them', async () => {
    const { hops, branches, back } = await trace('8080');
    const commands = [...new Set([...hops, ...branches.flatMap((branch) => branch.hops), ...back].flatMap((hop) => hop.commands))];
    expect(commands.length).toBeGreaterThan(10);
    await shell('h1', commands.map((command) => `${command} >/dev/null || { echo 'failed: ${command.replaceAll("'", '')}' >&2; exit 1; }`).join('\n'));
  }, 60_000);

  it('tells people the same, the verdict last', async () => {
    const text = await shell('h1', 'routemesh trace 8080');
    expect(text).toContain('ok    nat PREROUTING: ');
    expect(text).toMatch(/\n(PROBABLY )?REACHES: tcp\/8080 leads to 2 of 2 tasks, and back\n/);
  }, 30_000);

  it('changes nothing', () => expectNothingToDo(), 30_000);
});

describe('trace of a port that the owner’s firewall shuts', () => {
  afterEach(async () => {
    await shell('h1', 'iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN');
  });

  it('ends at a DROP in DOCKER-USER, and what it advises opens the port again', async () => {
    await shell('h1', 'iptables -I DOCKER-USER -j DROP');
    await expect(ask('client', url)).rejects.toThrow();
    const found = await trace('8080');
    expect(endOf(found)).toMatchObject({ code: 1, at: 'host filter FORWARD', what: 'rule 1 of DOCKER-USER drops it' });
    const advice = /`(iptables -t filter -D DOCKER-USER 1)`/.exec(found.verdict.end?.remedy ?? '')?.[1];
    await shell('h1', String(advice));
    expect((await trace('8080')).code).toBe(0);
    expect(servers(await ask('client', url, 2))).toHaveLength(2);
  }, 60_000);

  it('ends for the client that a rule names, and for no other', async () => {
    await shell('h1', `iptables -I DOCKER-USER -s ${clientAddress} -j DROP`);
    expect((await trace('8080')).code).toBe(0);
    expect((await trace('8080', '--from', clientAddress)).code).toBe(1);
  }, 60_000);

  it('is only probable where a rule asks what can’t be told from outside', async () => {
    await shell('h1', 'iptables -I DOCKER-USER -m length --length 40000:65535 -j DROP');
    expect(await trace('8080')).toMatchObject({ code: 0, verdict: { reaches: true, certain: false } });
    expect(await shell('h1', 'routemesh trace 8080')).toContain('PROBABLY REACHES');
  }, 60_000);
});

describe('trace of a port that nobody publishes', () => {
  it('says so, and what is published', async () => {
    const found = await trace('9999');
    expect(endOf(found)).toMatchObject({ code: 1, at: 'host nat PREROUTING' });
    expect(found.verdict.end?.why).toContain('no service publishes tcp/9999');
    expect(found.verdict.end?.remedy).toContain('tcp/8080');
  }, 30_000);

  it('is wrong usage where it is no port at all', async () => {
    expect((await attempt(['exec', 'h1', 'routemesh', 'trace', 'http'])).code).toBe(64);
  }, 30_000);
});

describe('trace while no controller repairs what is broken', () => {
  const inSandbox = 'ip netns exec mesh_sbox';
  const inFabric = 'ip netns exec mesh_fabric';

  beforeEach(async () => {
    await startMesh();
    await served({ 'tcp/8080': 2, 'udp/8053': 2 });
    await stopMesh();
  }, 120_000);
  afterAll(async () => {
    await startMesh();
    await served({ 'tcp/8080': 2, 'udp/8053': 2 });
  }, 120_000);

  const breakages: readonly (readonly [name: string, command: string, at: string, why: RegExp])[] = [
    ['IPVS is cleared', `${inSandbox} ipvsadm -C`, 'mesh_sbox ipvs', /no virtual service at all/],
    ['all weights are 0', `${inSandbox} ipvsadm -Sn | grep -o -- '-f 401296 -r 10[.0-9]*:80' | while read -r server; do ${inSandbox} ipvsadm -e $server -m -w 0; done`, 'mesh_sbox ipvs', /weight 0/],
    ['the host’s nat chain is flushed', 'iptables -t nat -F MESH-INGRESS', 'host nat PREROUTING', /dockerd’s own ingress takes it .*MESH-INGRESS is empty/],
    ['dockerd put its jump first', 'iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS; iptables -t nat -I PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS', 'host nat PREROUTING', /MESH-INGRESS comes too late/],
    ['the sandbox’s marks are flushed', `${inSandbox} iptables -t mangle -F`, 'mesh_sbox mangle PREROUTING', /marks tcp\/8080/],
    ['the sandbox’s default route is deleted', `${inSandbox} ip route del default`, 'mesh_sbox route', /no route leads to 192\.0\.2\.1/],
    ['the routes to the tasks are deleted in the fabric', `for task in $(${inFabric} ip route | grep -o '^10\\.[.0-9]*'); do ${inFabric} ip route del $task; done`, 'mesh_fabric route', /the route to 10\.[.0-9]* is missing/],
    ['the fabric admits nothing', `${inFabric} iptables -F FORWARD`, 'mesh_fabric filter FORWARD', /belongs to routemesh alone/],
    ['a cable is down', `${inFabric} ip link set sbox0 down`, 'mesh_sbox cable', /the other end of its cable is not/],
    ['the gateway bridge is deleted', 'ip link del mesh_gwbridge', 'host route', /the route to 172\.30\.0\.2 is missing/],
    ['the sandbox is deleted', 'ip netns del mesh_sbox; sleep 1', 'host cable', /no network namespace mesh_sbox/],
  ];

  it.each(breakages)('ends where %s, says why, and that no controller runs', async (_name, command, at, why) => {
    await shell('h1', command);
    const found = await trace('8080');
    expect(endOf(found)).toMatchObject({ code: 1, at });
    expect(found.verdict.end?.why).toMatch(why);
    expect(found.verdict.end?.remedy).toContain('routemesh run');
  }, 60_000);

  it('counts the tasks that it still leads to: one whose routing rule is deleted gets no answer back', async () => {
    await shell('h1', `nsenter -n -t ${await taskPid('web')} ip rule del pref 100`);
    const found = await trace('8080');
    expect(found).toMatchObject({ code: 0, verdict: { reaches: true, servers: 2, reached: 1 } });
    const broken = found.branches.find(({ outcome }) => outcome === 'ends');
    expect(broken?.hops.at(-1)).toMatchObject({ step: 'reply', outcome: 'ends' });
    expect(broken?.hops.at(-1)?.why).toContain('lookup 100” is missing');
  }, 60_000);
});
