import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { attempt, shell } from '../support/lab.js';
import { clientAddress, expectNothingToDo, nodeAddress, packetsCounted, removeMesh, served, startMesh } from '../support/mesh.js';
import { createService, removeServices, servicesWithin } from '../support/swarm.js';
import { endOf, trace } from '../support/trace.js';
import { ask, servers } from '../support/traffic.js';

const url = `http://${nodeAddress}:8080`;

beforeAll(async () => {
  await createService('web', ['--publish', '8080:80', '--publish', '8053:80/udp'], 2);
  await startMesh();
  await served({ 'tcp/8080': 2, 'udp/8053': 2 });
}, servicesWithin);

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
