import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Trace } from '../../../src/trace/hop.js';
import type { Observation } from '../../../src/trace/observation.js';
import { parseRequest } from '../../../src/trace/request.js';
import { trace } from '../../../src/trace/trace.js';
import { node, state } from './node.js';
import { besideNewerDocker, besideOlderDocker, fabricRules, sandboxRules } from './samples.js';

const of = (seen: Observation, port = '8080', from?: string): Trace => trace(seen, parseRequest(port, from));
const wayOf = ({ hops }: Pick<Trace, 'hops'>): string[] => hops.map(({ name, step, what }) => `${name} ${step}: ${what}`);

describe.each([['up to 28.0.0', besideOlderDocker], ['since 28.0.1', besideNewerDocker]])('a served port beside dockerd %s', (_version, host) => {
  const found = of(node({ host }));

  it('is followed through host and sandbox, in the rules’ true order, to IPVS', () => {
    expect(wayOf(found)).toEqual([
      'host nat PREROUTING: rule 1 of MESH-INGRESS sends it to 172.30.0.2:8080',
      'host route: 172.30.0.2 dev mesh_gwbridge',
      'host filter FORWARD: rule 3 of MESH-INGRESS accepts it',
      'mesh_sbox mangle PREROUTING: rule 1 of PREROUTING marks it 0x61f90',
      'mesh_sbox ipvs: virtual service of mark 0x61f90 (401296), scheduler rr, 2 of 2 real servers take new connections, 12 connections so far',
    ]);
    expect(found.hops[2]?.rules.map(({ chain }) => chain)).toEqual(expect.arrayContaining(['FORWARD', 'MESH-INGRESS']));
    expect(found.hops[2]?.rules[0]?.rule).toBe('-j DOCKER-USER');
  });

  it('shows the counters of the rule that takes the packet, and the command that shows them', () => {
    expect(found.hops[0]?.counters).toEqual({ packets: 12, bytes: 720 });
    expect(found.hops[0]?.commands).toContain('iptables -t nat -nvL MESH-INGRESS --line-numbers');
    expect(found.hops[3]?.counters).toEqual({ packets: 12, bytes: 720 });
    expect(found.hops[4]?.commands).toContain('ip netns exec mesh_sbox ipvsadm -Ln -f 401296');
  });

  it('leads to the task of this node by its cable, and to the peer’s by the tunnel', () => {
    expect(found.branches.map(({ task, node: on, outcome }) => [task, on, outcome])).toEqual([['web.1', 'h1', 'reaches'], ['web.2', 'h2', 'reaches']]);
    const [here, there] = found.branches;
    expect(here?.hops.map(({ name, step }) => `${name} ${step}`)).toEqual(['mesh_sbox route', 'mesh_fabric route', 'mesh_fabric filter FORWARD', 'web.1 address', 'web.1 reply']);
    expect(there?.hops.map(({ name, step, what }) => `${name} ${step}: ${what}`).slice(-5)).toEqual([
      'mesh_fabric filter FORWARD: rule 6 of FORWARD accepts it',
      'mesh_fabric neighbour: 100.104.56.12 is 02:45:64:68:38:0c',
      'mesh_fabric fdb: 02:45:64:68:38:0c is behind 192.168.56.12',
      'host tunnel: 192.168.56.12 dev eth0',
      'h2 node: goes on to web.2; ask that node for the rest',
    ]);
  });

  it('is answered by the same way back', () => {
    expect(found.back.map(({ name, step }) => `${name} ${step}`)).toEqual(['mesh_fabric route', 'mesh_sbox route', 'host route', 'host filter FORWARD']);
    expect(found.verdict).toEqual({ reaches: true, certain: true, servers: 2, reached: 2, end: null });
  });

  it('is reached from the node itself by nat’s OUTPUT, with the bridge’s address as its source', () => {
    const own = of(node({ host }), '8080', '127.0.0.1');
    expect(own.hops.map(({ name, step }) => `${name} ${step}`).slice(0, 4)).toEqual(['host nat OUTPUT', 'host filter OUTPUT', 'host route', 'host nat POSTROUTING']);
    expect(own.hops[3]?.what).toContain('makes 172.30.0.1 its source');
    expect(own.verdict).toMatchObject({ reaches: true, certain: true });
  });
});

describe('a service with source-ip=snat', () => {
  it('is shown the router address, and answers to it', () => {
    const found = of(node(), '53/udp');
    expect(found.service).toBe('dns');
    expect(found.branches[0]?.hops.map(({ what }) => what)).toEqual(expect.arrayContaining(['rule 1 of POSTROUTING makes 100.104.56.11 its source', 'its answer to 100.104.56.11 leaves via 169.254.1.1 by mesh0 (rule 100, table 100)']));
    expect(found.verdict).toMatchObject({ reaches: true, reached: 1 });
  });
});

describe('what is asked for', () => {
  it('takes a port as people write it, and as status prints it', () => {
    expect(['8080', '8080/udp', 'udp/8080', '65535/SCTP'].map((text) => parseRequest(text)).map(({ protocol, port }) => `${protocol}/${port}`)).toEqual(['tcp/8080', 'udp/8080', 'udp/8080', 'sctp/65535']);
  });

  it.each(['', '0', '65536', 'http', '80/icmp', '80/81', '80/tcp/tcp', 'tcp', '-1', '8080 '])('refuses %j', (text) => {
    expect(() => parseRequest(text)).toThrow(/^Expected PORT/);
  });

  it.each(['', 'localhost', '::1', '0.0.0.0', '224.0.0.1', '10.0.0.1/8'])('refuses the client %j', (from) => {
    expect(() => parseRequest('80', from)).toThrow(/^Expected `--from`/);
  });
});

describe('any node, however broken', () => {
  /** Some lines of each text are gone, and some objects of each network. */
  const anyNode = fc.record({
    lines: fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
    parts: fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
    from: fc.constantFrom('192.0.2.1', '127.0.0.1', '203.0.113.9', '192.168.56.11', '10.0.0.9'),
    port: fc.constantFrom('8080', '53/udp', '9999'),
    host: fc.constantFrom(besideOlderDocker, besideNewerDocker),
  });
  const thinned = (text: string, lines: Iterator<number>): string => text.split('\n').filter((line) => !line.includes('-A ') || lines.next().value !== 0).join('\n');

  it('has a verdict that its hops bear out: it reaches a task, or one hop says why not and what to do', () => {
    fc.assert(fc.property(anyNode, ({ lines, parts, from, port, host }) => {
      const keep = (): boolean => parts.next().value !== 0;
      const whole = node({ host: thinned(host, lines), sandbox: thinned(sandboxRules, lines), fabric: thinned(fabricRules, lines) });
      const seen = ([whole.host, whole.sandbox, whole.fabric] as const).reduce((result, place) => (place === null ? result : {
        ...result,
        [place.place]: { ...place, network: { ...place.network, devices: place.network.devices.filter(keep), routes: place.network.routes.filter(keep), addresses: place.network.addresses.filter(keep), neighbours: place.network.neighbours.filter(keep) } },
      }), { ...whole, cluster: keep() ? state : null, sandbox: keep() ? whole.sandbox : null, fabric: keep() ? whole.fabric : null });
      const { verdict, hops, branches, back } = of(seen, port, from);
      expect(verdict.reaches).toBe(verdict.end === null);
      if (verdict.end !== null) {
        expect(verdict.end.why).not.toBe('');
        expect(verdict.end.remedy).not.toBe('');
      }
      for (const way of [hops, back, ...branches.map((branch) => branch.hops)]) expect(way.slice(0, -1).filter(({ outcome }) => outcome === 'ends')).toEqual([]);
      for (const { outcome, hops: own } of branches) expect(own.at(-1)?.outcome === 'ends').toBe(outcome === 'ends');
    }));
  });
});
