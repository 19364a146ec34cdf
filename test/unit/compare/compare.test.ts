import { describe, expect, it } from '@jest/globals';
import { compare } from '../../../src/compare/compare.js';
import type { ComparedPort, Fact } from '../../../src/compare/comparison.js';
import type { Observation } from '../../../src/compare/observation.js';
import type { PublishingService } from '../../../src/cluster/docker/publications.js';
import { parseIptablesSave } from '../../../src/kernel/iptables/document.js';
import { memberKey } from '../../../src/plan/sets.js';
import type { SeenSet } from '../../../src/trace/rules/sets.js';
import { besideOlderDocker } from '../trace/samples.js';
import { dockerSandbox, dockerServers, node, type NodeParts } from './node.js';

function portOf(seen: Observation, key: string): ComparedPort {
  const found = compare(seen).ports.find(({ port }) => port === key);
  if (found === undefined) throw new Error(`no ${key}`);
  return found;
}

function factOf(facts: readonly Fact[], what: string): Fact {
  const found = facts.find((fact) => fact.what === what);
  if (found === undefined) throw new Error(`no ${what} among ${facts.map((fact) => fact.what).join(', ')}`);
  return found;
}

const [first, second] = dockerServers;
if (first === undefined || second === undefined) throw new Error('two real servers');

describe('both meshes of a node', () => {
  it('are the same where each sends to the same tasks, by whatever marks and ports', () => {
    expect(compare(node()).verdict).toEqual({ both: 1, onlyRoutemesh: 1, onlyDockerd: 0, different: [] });
    expect(portOf(node(), 'tcp/8080')).toMatchObject({ service: 'web', servedBy: 'both', answering: 'routemesh', why: null, sameServers: true });
  });

  it.each([
    ['firewall mark', '0x61f90 (401296)', '0x102 (258)', /dockerd counts/],
    ['scheduler', 'rr', 'rr', null],
    ['source address', 'the client’s own', '10.0.0.2 (SNAT)', /dockerd hides the client/],
    ['real server 10.0.0.5 web.1', 'port 80, weight 1, 3 active', 'same port, weight 1, 0 active', /redirects it inside of the task/],
  ])('show the %s of each, and why they differ', (what, routemesh, dockerd, why) => {
    const found = factOf(portOf(node(), 'tcp/8080').facts, what);
    expect(found).toMatchObject({ routemesh, dockerd });
    if (why === null) expect(found.why).toBeNull();
    else expect(found.why).toMatch(why);
  });

  it.each([
    ['IPVS timeout tcp', '8000 s', '900 s', /900 s/],
    ['addresses of eth0', '100.104.56.11/32', '10.0.0.2/24 and 1 more', /allocator/],
    ['vs.conn_reuse_mode', '1', '0', /before 5\.9/],
    ['vs.conntrack', '1', '1', null],
    ['virtual services', '2', '1', /each port below/],
  ])('show %s of the sandboxes, and why they differ', (what, routemesh, dockerd, why) => {
    const found = factOf(compare(node()).sandbox, what);
    expect(found).toMatchObject({ routemesh, dockerd });
    if (why === null) expect(found.why).toBeNull();
    else expect(found.why).toMatch(why);
  });

  it('show whose jump stands first', () => {
    const { host } = compare(node());
    expect(factOf(host, 'nat PREROUTING')).toMatchObject({ routemesh: 'rule 1', dockerd: 'rule 2' });
    expect(factOf(host, 'filter FORWARD')).toMatchObject({ routemesh: 'rule 2', dockerd: 'rule 3' });
  });

  it('are known apart when dockerd has put its jump first', () => {
    const jump = (chain: string) => `-A PREROUTING -m addrtype --dst-type LOCAL -j ${chain}`;
    const hostRules = besideOlderDocker.replace(jump('MESH-INGRESS'), jump('FIRST')).replace(jump('DOCKER-INGRESS'), jump('MESH-INGRESS')).replace(jump('FIRST'), jump('DOCKER-INGRESS'));
    expect(portOf(node({ hostRules }), 'tcp/8080')).toMatchObject({ servedBy: 'both', answering: 'dockerd', why: expect.stringContaining('dockerd’s jump stands first') });
  });
});

describe('real servers', () => {
  const withDockers = (...servers: Parameters<typeof dockerSandbox>): Observation => {
    const seen = node();
    return { ...seen, sandboxes: { ...seen.sandboxes, dockerd: dockerSandbox(...servers) } };
  };

  it('that only one mesh sends to make them different', () => {
    const seen = withDockers([first]);
    expect(compare(seen).verdict.different).toEqual(['tcp/8080']);
    expect(factOf(portOf(seen, 'tcp/8080').facts, 'real server 10.0.0.6 web.2')).toMatchObject({ dockerd: null, why: expect.stringContaining('dockerd does not have') });
  });

  it('that dockerd has drained, and forgotten to use again, are told by name', () => {
    const seen = withDockers([first, { ...second, weight: 0 }]);
    expect(compare(seen).verdict.different).toEqual(['tcp/8080']);
    expect(factOf(portOf(seen, 'tcp/8080').facts, 'real server 10.0.0.6 web.2').why).toContain('stays at weight 0');
  });

  it('that take no new connections any more don’t make the meshes different', () => {
    const seen = withDockers([...dockerServers, { ...first, address: '10.0.0.99', weight: 0 }]);
    expect(compare(seen).verdict.different).toEqual([]);
    expect(factOf(portOf(seen, 'tcp/8080').facts, 'real server 10.0.0.99').why).toContain('until it has stopped');
  });
});

describe('a port in one mesh only', () => {
  const left = (more: Partial<PublishingService>): NodeParts => ({
    cluster: null,
    hostRules: besideOlderDocker.replace(/.*-A MESH-INGRESS -p tcp.*8080\n/, ''),
    docker: [{ id: 'a', name: 'web', enabled: true, ports: [{ protocol: 'tcp', published: 8080, target: 80, publishedBy: 'swarm', enabled: true }], ...more }],
  });

  it.each<[string, NodeParts, string, RegExp]>([
    ['its label leaves the service to dockerd', left({ enabled: false }), 'tcp/8080', /routemesh\.enabled=false/],
    ['a label leaves the one port to dockerd', left({ ports: [{ protocol: 'tcp', published: 8080, target: 80, publishedBy: 'swarm', enabled: false }] }), 'tcp/8080', /routemesh\.PORT\.enabled=false/],
    ['routemesh refuses it', { ...left({}), conditions: [{ reason: 'PortConflict', object: { kind: 'service', id: 'a', name: 'web' }, message: 'nginx (pid 7) listens on tcp/8080 of this node; stop it' }] }, 'tcp/8080', /^PortConflict: nginx/],
    ['no controller runs', { ...left({}), controller: null }, 'tcp/8080', /no controller/],
    ['this node is a worker, whose Docker knows no labels', { ...left({}), docker: null }, 'tcp/8080', /managers can tell/],
    ['dockerd knows nothing of a label', {}, 'udp/53', /routemesh\.publish/],
  ])('says so: %s', (_name, parts, key, why) => {
    const seen = node(parts);
    expect(portOf(seen, key).why).toMatch(why);
    expect(portOf(seen, key).sameServers).toBeNull();
    expect(portOf(seen, key).facts.filter((fact) => fact.why !== null && (fact.routemesh === null || fact.dockerd === null))).toEqual([]);
  });

  it('without dockerd’s ingress everything is ours, and nothing different', () => {
    const seen = node({ sandboxes: { ...node().sandboxes, dockerd: null } });
    expect(compare(seen).meshes.dockerd.sandbox).toBeNull();
    expect(compare(seen).verdict.different).toEqual(['tcp/8080']);
  });
});

describe('a mesh whose rules ask sets', () => {
  const bySets = (): Observation => {
    const set = (name: string, ...members: { port: number; mark?: number }[]): [string, SeenSet] =>
      [name, { name, type: 'bitmap:port', marked: true, members: new Map(members.map((member) => [memberKey(member), member])) }];
    const rules = (text: string) => ({ document: parseIptablesSave(text), unseen: [] });
    const seen = node();
    const { routemesh } = seen.sandboxes;
    if (routemesh === null) throw new Error('there is no sandbox');
    return {
      ...seen,
      host: { ...seen.host, iptables: rules('*nat\n:MESH-INGRESS - [0:0]\n-A MESH-INGRESS -p tcp -m set --match-set mesh-tcp dst -j DNAT --to-destination 172.30.0.2\nCOMMIT\n'), sets: new Map([set('mesh-tcp', { port: 8080 }, { port: 8081 })]) },
      sandboxes: { ...seen.sandboxes, routemesh: { ...routemesh, iptables: rules('*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth1 -p tcp -j SET --map-set mesh-tcp dst --map-mark\nCOMMIT\n'), sets: new Map([set('mesh-tcp', { port: 8080, mark: 0x61f90 })]) } },
    };
  };

  it('is read as one whose rules name ports', () => {
    expect(portOf(bySets(), 'tcp/8080')).toMatchObject({ service: 'web', servedBy: 'routemesh' });
    expect(factOf(portOf(bySets(), 'tcp/8080').facts, 'firewall mark').routemesh).toBe('0x61f90 (401296)');
    expect(compare(bySets()).ports.map(({ port }) => port)).toContain('tcp/8081');
  });
});
