import { describe, expect, it } from '@jest/globals';
import type { Trace } from '../../../src/trace/hop.js';
import type { Observation, SeenNetwork, SeenTask } from '../../../src/trace/observation.js';
import { parseRequest } from '../../../src/trace/request.js';
import { trace } from '../../../src/trace/trace.js';
import { node, state, virtualServices, withNetwork } from './node.js';
import { besideNewerDocker, besideOlderDocker, fabricRules, sandboxRules } from './samples.js';

const of = (seen: Observation, port = '8080', from?: string): Trace => trace(seen, parseRequest(port, from));
/** Where it ends: `host filter FORWARD`, and why. */
const endOf = ({ verdict: { end } }: Trace): [string, string] => [`${end?.name ?? ''} ${end?.step ?? ''}`, end?.why ?? ''];
/** iptables-save's text with a rule before the first of a chain (`iptables -I`). */
const inserted = (text: string, table: string, chain: string, rule: string): string => {
  const [before = '', rest = ''] = text.split(`*${table}\n`);
  const first = rest.search(new RegExp(`^(\\[\\d+:\\d+\\] )?-A ${chain} |^COMMIT`, 'm'));
  return `${before}*${table}\n${rest.slice(0, first)}[0:0] -A ${chain} ${rule}\n${rest.slice(first)}`;
};
const without = (text: string, ...rules: (string | RegExp)[]): string => text.split('\n').filter((line) => !rules.some((rule) => (typeof rule === 'string' ? line.includes(rule) : rule.test(line)))).join('\n');
const flushed = (text: string, table: string, chain: string): string => text.replace(new RegExp(`(\\*${table}\\n)([\\s\\S]*?)(COMMIT)`), (_all, head: string, body: string, tail: string) => head + without(body, `-A ${chain} `) + tail);
const leaving = (key: 'routes' | 'devices' | 'addresses' | 'neighbours', gone: (object: never) => boolean) => (network: SeenNetwork) => ({ [key]: (network[key] as readonly never[]).filter((object) => !gone(object)) });

describe('the owner’s own firewall', () => {
  it('ends it at a DROP in DOCKER-USER, and says how to take that away', () => {
    const found = of(node({ host: inserted(besideOlderDocker, 'filter', 'DOCKER-USER', '-j DROP') }));
    expect(endOf(found)).toEqual(['host filter FORWARD', 'a firewall rule of this node drops it: -A DOCKER-USER -j DROP']);
    expect(found.verdict).toMatchObject({ reaches: false, certain: true, end: { what: 'rule 1 of DOCKER-USER drops it' } });
    expect(found.verdict.end?.remedy).toContain('`iptables -t filter -D DOCKER-USER 1`');
    expect(found.hops.at(-1)?.rules.map(({ chain, number, outcome }) => [chain, number, outcome])).toEqual([['FORWARD', 1, 'calls'], ['DOCKER-USER', 1, 'decides']]);
    expect(found.branches).toEqual([]);
  });

  it('is asked with the client’s own address', () => {
    expect(of(node(), '8080', '203.0.113.9').verdict.end?.what).toBe('rule 1 of DOCKER-USER drops it');
    expect(of(node(), '8080', '198.51.100.9').verdict.reaches).toBe(true);
  });

  it('is asked with the port that the client asked, as Docker’s documentation has it', () => {
    const host = inserted(besideNewerDocker, 'filter', 'DOCKER-USER', '-i eth0 -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j REJECT --reject-with icmp-port-unreachable');
    expect(of(node({ host })).verdict.end?.what).toBe('rule 1 of DOCKER-USER rejects it');
    expect(of(node({ host }), '53/udp').verdict.reaches).toBe(true);
  });

  it('may keep the answers from coming back', () => {
    const found = of(node({ host: inserted(besideOlderDocker, 'filter', 'DOCKER-USER', '-s 172.30.0.2/32 -j DROP') }));
    expect(found.branches.map(({ outcome }) => outcome)).toEqual(['reaches', 'reaches']);
    expect(found.back.at(-1)?.outcome).toBe('ends');
    expect(found.verdict).toMatchObject({ reaches: false, reached: 2, end: { step: 'filter FORWARD' } });
  });

  it('says "probably" of a rule that can’t be decided, and goes on', () => {
    const found = of(node({ host: inserted(besideOlderDocker, 'filter', 'DOCKER-USER', '-m set --match-set banned src -j DROP') }));
    expect(found.verdict).toMatchObject({ reaches: true, certain: false });
    expect(found.hops[2]).toMatchObject({ outcome: 'unknown', notes: ['can’t tell whether rule 1 of DOCKER-USER is for it'] });
  });

  it('says "probably" where iptables does not show all rules', () => {
    const seen = node();
    const unseen = ['Warning: iptables-legacy tables present, use iptables-legacy-save to see them'];
    const found = of({ ...seen, host: { ...seen.host, iptables: { ...seen.host.iptables, unseen } } });
    expect(found.verdict).toMatchObject({ reaches: true, certain: false });
    expect(found.hops[0]).toMatchObject({ step: 'rules', outcome: 'unknown', notes: unseen });
  });

  it('keeps a packet out of nat by NOTRACK', () => {
    const found = of(node({ host: inserted(besideNewerDocker, 'raw', 'PREROUTING', '-p tcp -m tcp --dport 8080 -j CT --notrack') }));
    expect(found.hops.map(({ step }) => step)).toEqual(['raw PREROUTING', 'nat PREROUTING']);
    expect(endOf(found)[1]).toContain('connection tracking');
  });

  it('may stop the tunnel to the peers', () => {
    const found = of(node({ host: inserted(besideOlderDocker, 'filter', 'OUTPUT', '-p udp -m udp --dport 4798 -j DROP') }));
    expect(found.branches.map(({ task, outcome }) => [task, outcome])).toEqual([['web.1', 'reaches'], ['web.2', 'ends']]);
    expect(found.verdict).toMatchObject({ reaches: true, servers: 2, reached: 1 });
    expect(found.branches[1]?.hops.at(-1)).toMatchObject({ name: 'host', step: 'filter OUTPUT', outcome: 'ends' });
  });
});

describe('the host’s nat', () => {
  it('says that our chain was flushed, and who takes the packet instead', () => {
    const found = of(node({ host: flushed(besideOlderDocker, 'nat', 'MESH-INGRESS') }));
    expect(endOf(found)).toEqual(['host nat PREROUTING', 'dockerd’s own ingress takes it (rule 1 of DOCKER-INGRESS): service web publishes tcp/8080, but MESH-INGRESS is empty: somebody flushed it']);
    expect(found.verdict.end?.remedy).toContain('(pid 4711)');
  });

  it('says how to start a controller where none runs', () => {
    expect(of(node({ host: flushed(besideOlderDocker, 'nat', 'MESH-INGRESS'), controller: null })).verdict.end?.remedy).toContain('`routemesh run`');
  });

  it('misses our jump, and our chain', () => {
    expect(endOf(of(node({ host: without(besideOlderDocker, '-A PREROUTING -m addrtype --dst-type LOCAL -j MESH-INGRESS') })))[1]).toContain('nat PREROUTING has no jump to MESH-INGRESS');
    expect(endOf(of(node({ host: without(besideOlderDocker, 'MESH-INGRESS') })))[1]).toContain('nat has no chain MESH-INGRESS');
    expect(endOf(of(node({ host: '' })))[1]).toContain('nat has no chain MESH-INGRESS');
  });

  it('sees that dockerd put itself first', () => {
    const jump = '-m addrtype --dst-type LOCAL -j DOCKER-INGRESS';
    expect(endOf(of(node({ host: inserted(besideNewerDocker, 'nat', 'PREROUTING', jump) })))).toEqual(['host nat PREROUTING', 'dockerd’s own ingress takes it (rule 1 of DOCKER-INGRESS): service web publishes tcp/8080, but the jump to MESH-INGRESS comes too late']);
  });

  it('lets nobody but the node itself answer to 127.0.0.1', () => {
    const found = of(node({ host: without(besideOlderDocker, '-o mesh_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE') }), '8080', '127.0.0.1');
    expect(endOf(found)[1]).toContain('the MASQUERADE for mesh_gwbridge is missing');
  });

  it('sends a port that nobody publishes nowhere, and says what is published', () => {
    const { end } = of(node(), '9999').verdict;
    expect(end?.why).toBe('no service publishes tcp/9999, as far as is saved on this node');
    expect(end?.remedy).toContain('--publish-add 9999:TARGET');
    expect(end?.remedy).toContain('Published are udp/53, tcp/8080.');
  });

  it('knows who answers there instead: a program, or a container with a port of its own', () => {
    expect(endOf(of(node({ programs: ['nginx (pid 7)'] }), '9999'))[1]).toBe('no service publishes tcp/9999, as far as is saved on this node; nginx (pid 7) listens there');
    const host = inserted(besideOlderDocker, 'nat', 'DOCKER', '! -i docker0 -p tcp -m tcp --dport 9999 -j DNAT --to-destination 172.17.0.2:80');
    expect(endOf(of(node({ host }), '9999'))[1]).toContain('a container that dockerd publishes by itself takes it (rule 1 of DOCKER): no service publishes tcp/9999');
  });

  it('does not claim to know what is published when nothing is saved', () => {
    expect(endOf(of(node({ cluster: null }), '9999'))[1]).toContain('nobody can tell whether a service publishes it');
  });

  it('knows a port of the node’s own, and a program that has the port', () => {
    expect(endOf(of(node(), '22'))[1]).toContain('reservedPorts');
    const more = { ...state, services: state.services.map((service) => ({ ...service, ports: service.ports.map((each) => ({ ...each, published: each.published + 1 })) })) };
    expect(endOf(of(node({ cluster: more, programs: ['nginx (pid 7)'] }), '8081'))[1]).toBe('nginx (pid 7) listens on tcp/8081 of this node, and MESH-INGRESS has no rule for tcp/8081');
  });
});

describe('the host’s filter and routes', () => {
  it('drops what our missing jump does not accept', () => {
    const found = of(node({ host: without(besideOlderDocker, '-A FORWARD -j MESH-INGRESS') }), '53/udp');
    expect(found.verdict.end).toMatchObject({ step: 'filter FORWARD', what: 'the policy of FORWARD drops it' });
  });

  it('tells whose rule drops it: dockerd’s, or somebody’s in our own chain', () => {
    expect(endOf(of(node({ host: inserted(besideNewerDocker, 'filter', 'FORWARD', '-j DOCKER-FORWARD').replace('-A DOCKER-FORWARD -j DOCKER-INGRESS', '-A DOCKER-FORWARD -j DROP') })))[1]).toBe('rule 1 of DOCKER-FORWARD, which is dockerd’s, drops it before routemesh could accept it');
    expect(endOf(of(node({ host: inserted(besideOlderDocker, 'filter', 'MESH-INGRESS', '-j DROP') })))[1]).toBe('rule 1 of MESH-INGRESS is not routemesh’s, although the chain is');
  });

  it.each<[string, (seen: Observation) => Observation, string, string]>([
    ['the bridge is gone', (seen) => withNetwork(seen, 'host', leaving('routes', ({ device }: { device: string }) => device === 'mesh_gwbridge')), 'the route to 172.30.0.2 is missing: the default route is taken, and leads by eth0', '192.0.2.1'],
    ['the sandbox is gone', (seen) => ({ ...seen, sandbox: null }), 'there is no network namespace mesh_sbox', '192.0.2.1'],
    ['the cable to the sandbox is gone', (seen) => withNetwork(seen, 'host', leaving('devices', ({ name }: { name: string }) => name === 'mesh_gw0')), 'no port of mesh_gwbridge is a cable to mesh_sbox', '192.0.2.1'],
    ['the cable is down', (seen) => withNetwork(seen, 'host', ({ devices }) => ({ devices: devices.map((each) => (each.name === 'mesh_gw0' ? { ...each, isUp: false, isRunning: false } : each)) })), 'mesh_gw0 is down', '192.0.2.1'],
    ['nothing is forwarded', (seen) => withNetwork(seen, 'host', () => ({ sysctls: { 'net/ipv4/ip_forward': '0' } })), 'this node does not forward packets', '192.0.2.1'],
    ['loopback is not routed', (seen) => withNetwork(seen, 'host', () => ({ sysctls: { 'net/ipv4/ip_forward': '1' } })), 'not let out of the loopback device', '127.0.0.1'],
  ])('ends it where %s', (_name, broken, why, from) => {
    expect(endOf(of(broken(node()), '8080', from))[1]).toContain(why);
  });
});

describe('the sandbox', () => {
  it.each<[string, Observation, string, string]>([
    ['its marks are flushed', node({ sandbox: without(sandboxRules, '-j MARK') }), 'mangle PREROUTING', 'no rule of mangle PREROUTING marks tcp/8080'],
    ['IPVS was cleared', node({ ipvs: [] }), 'ipvs', 'IPVS has no virtual service at all: somebody cleared it'],
    ['the port’s virtual service is missing', node({ ipvs: virtualServices().slice(1) }), 'ipvs', 'IPVS has no virtual service for mark 0x61f90'],
    ['there is no task', node({ ipvs: virtualServices().map((service) => ({ ...service, servers: [] })) }), 'ipvs', 'no real server'],
    ['all weights are 0', node({ ipvs: virtualServices([0, 0]) }), 'ipvs', 'all its real servers have weight 0'],
    ['IPVS is not there', node({ ipvs: 'the kernel has no IPVS' }), 'ipvs', 'the kernel has no IPVS'],
    ['its address is gone', withNetwork(node(), 'sandbox', leaving('addresses', ({ device }: { device: string }) => device === 'eth1')), 'address', 'no device of mesh_sbox has 172.30.0.2'],
    ['the route to the tasks is gone', withNetwork(node(), 'sandbox', leaving('routes', ({ destination }: { destination: string }) => destination.startsWith('10.'))), 'route', 'the route to 10.0.0.5 is missing: the default route is taken, and leads by eth1, not by a cable to mesh_fabric'],
    ['answers have no way back', withNetwork(node(), 'sandbox', leaving('routes', ({ destination }: { destination: string }) => destination === '0.0.0.0/0')), 'route', 'no route leads to 192.0.2.1'],
    ['the fabric’s hardware address is another', withNetwork(node(), 'sandbox', ({ neighbours }) => ({ neighbours: neighbours.map((each) => ({ ...each, mac: '02:00:00:00:00:99' })) })), 'neighbour', 'has another hardware address'],
  ])('ends it where %s', (_name, seen, step, why) => {
    const [where, reason] = endOf(of(seen));
    expect(where).toBe(`mesh_sbox ${step}`);
    expect(reason).toContain(why);
  });

  it('follows a virtual service by address where somebody made one', () => {
    const key = { kind: 'address', protocol: 'tcp', address: '172.30.0.2', port: 8080 } as const;
    const found = of(node({ sandbox: without(sandboxRules, '-j MARK'), ipvs: virtualServices().map((service) => ({ ...service, key })) }));
    expect(found.hops.at(-1)).toMatchObject({ step: 'ipvs', outcome: 'passes', commands: expect.arrayContaining(['ip netns exec mesh_sbox ipvsadm -Ln -t 172.30.0.2:8080']) as unknown });
  });

  it('follows only real servers that take new connections', () => {
    const found = of(node({ ipvs: virtualServices([0, 1]) }));
    expect(found.branches.map(({ task, outcome }) => [task, outcome])).toEqual([['web.1', 'drained'], ['web.2', 'reaches']]);
    expect(found.verdict).toMatchObject({ reaches: true, servers: 1, reached: 1 });
  });

  it('lists real servers by task, whatever order the kernel has them in', () => {
    const reversed = virtualServices().map((one) => ({ ...one, servers: [...one.servers].reverse() }));
    expect(of(node({ ipvs: reversed })).branches.map(({ task }) => task)).toEqual(['web.1', 'web.2']);
    expect(of(node({ ipvs: reversed, cluster: null })).branches.map(({ address }) => address)).toEqual(['10.0.0.5', '10.0.0.6']);
  });

  it('names real servers by address where the saved state does not know them', () => {
    expect(of(node({ cluster: null })).branches.map(({ address, task, node: on }) => [address, task, on])).toEqual([['10.0.0.5', null, null], ['10.0.0.6', null, null]]);
  });
});

/** Only web.1, of this node, or web.2, of the other. */
const only = (which: 'web.1' | 'web.2', seen: Observation): Observation => ({ ...seen, ipvs: virtualServices(which === 'web.1' ? [1, 0] : [0, 1]) });
const withTask = (seen: Observation, change: (task: SeenTask) => Partial<SeenTask>): Observation => ({ ...seen, tasks: seen.tasks.map((task) => (task.cable === 'task-web1xxxxxx' ? { ...task, ...change(task) } : task)) });

describe('the fabric', () => {
  it.each<[string, Observation, string, string]>([
    ['is gone', { ...node(), fabric: null }, 'namespace', 'there is no network namespace mesh_fabric'],
    ['forwards nothing', withNetwork(node(), 'fabric', () => ({ sysctls: {} })), 'forwarding', 'mesh_fabric does not forward packets'],
    ['lost the route to the task', withNetwork(node(), 'fabric', leaving('routes', ({ destination }: { destination: string }) => destination === '10.0.0.5/32')), 'route', 'the route to 10.0.0.5 is missing: the default route is taken, and leads by sbox0'],
    ['does not admit the port', node({ fabric: without(fabricRules, '-d 10.0.0.5/32 -i sbox0') }), 'filter FORWARD', 'belongs to routemesh alone'],
    ['takes the task for another', withNetwork(node(), 'fabric', ({ neighbours }) => ({ neighbours: neighbours.map((each) => ({ ...each, mac: '02:00:00:00:00:99' })) })), 'neighbour', 'has another hardware address'],
    ['has a cable to nobody', { ...node(), tasks: [] }, 'cable', 'in no namespace of a living task'],
    ['has a cable whose far end is down', withNetwork(node(), 'fabric', ({ devices }) => ({ devices: devices.map((each) => (each.name === 'task-web1xxxxxx' ? { ...each, isRunning: false } : each)) })), 'cable', 'the other end of its cable is not'],
    ['has no route for answers', withNetwork(node(), 'fabric', leaving('routes', ({ destination, table }: { destination: string; table: number }) => destination === '0.0.0.0/0' && table === 254)), 'route', 'no route leads to 192.0.2.1'],
  ])('ends it where it %s', (_name, seen, step, why) => {
    const [where, reason] = endOf(of(only('web.1', seen)));
    expect(where).toBe(`mesh_fabric ${step}`);
    expect(reason).toContain(why);
  });

  it.each<[string, Observation, string, string]>([
    ['the peer’s neighbour entry', withNetwork(node(), 'fabric', leaving('neighbours', ({ address }: { address: string }) => address === '100.104.56.12')), 'neighbour', '100.104.56.12 is missing'],
    ['the peer’s forwarding entry', withNetwork(node(), 'fabric', () => ({ forwarding: [] })), 'fdb', 'the forwarding entry of 02:45:64:68:38:0c is missing'],
    ['the route by the peer', withNetwork(node(), 'fabric', leaving('routes', ({ destination }: { destination: string }) => destination === '10.0.0.6/32')), 'route', 'the route to 10.0.0.6 is missing'],
    ['the tunnel', withNetwork(node(), 'fabric', ({ devices }) => ({ devices: devices.map((each) => (each.kind === 'vxlan' ? { ...each, isUp: false, isRunning: false } : each)) })), 'cable', 'vxlan0 is down'],
    ['the tunnel’s socket', withNetwork(node(), 'fabric', ({ devices }) => ({ devices: devices.map((each) => ({ ...each, underlay: null })) })), 'tunnel', 'not in the host’s network namespace'],
  ])('ends the way to another node without %s', (_name, seen, step, why) => {
    const found = of(only('web.2', seen));
    expect(endOf(found)[0]).toBe(`mesh_fabric ${step}`);
    expect(endOf(found)[1]).toContain(why);
  });

  it('needs the host’s route to the other node', () => {
    const seen = withNetwork(node(), 'host', leaving('routes', ({ device, table }: { device: string; table: number }) => device === 'eth0' && table === 254));
    expect(endOf(of(only('web.2', seen), '8080', '127.0.0.1'))).toEqual(['host tunnel', 'no route leads to 192.168.56.12']);
  });

  it('is passed where somebody opened it wide: that is no end, whatever else it is', () => {
    expect(of(node({ fabric: without(fabricRules, '-A FORWARD').replace(':FORWARD DROP', ':FORWARD ACCEPT') })).verdict.reaches).toBe(true);
  });

  it('tells that the other node is down, as far as is known', () => {
    const down = { ...state, nodes: state.nodes.map((each) => ({ ...each, ready: each.id === 'node1' })) };
    expect(of(node({ cluster: down })).branches[1]?.hops.at(-1)?.notes).toEqual(['h2 is down, as far as is saved on this node']);
  });
});

describe('the task', () => {
  const change = (key: 'routes' | 'rules' | 'addresses', gone: (object: never) => boolean) => ({ network }: SeenTask) => ({ network: { ...network, [key]: (network[key] as readonly never[]).filter((object) => !gone(object)) } });

  it.each<[string, Observation, string, string]>([
    ['its rule is deleted', withTask(node(), change('rules', ({ priority }: { priority: number }) => priority === 100)), 'reply', 'the rule “from 10.0.0.5 lookup 100” is missing'],
    ['its table is flushed', withTask(node(), change('routes', ({ table }: { table: number }) => table === 100)), 'reply', 'table 100 has no default route by mesh0'],
    ['it has left its network', withTask(node(), change('addresses', ({ address }: { address: string }) => address === '10.0.0.5')), 'address', 'no device of the task has 10.0.0.5'],
  ])('ends it where %s', (_name, seen, step, why) => {
    const [where, reason] = endOf(of(only('web.1', seen)));
    expect(where).toBe(`web.1 ${step}`);
    expect(reason).toContain(why);
  });

  it('is told when nothing listens in it', () => {
    const found = of(only('web.1', withTask(node(), () => ({ listening: new Set() }))));
    expect(found.branches[0]?.hops.at(-2)?.notes[0]).toContain('nothing listens on tcp/80 in it');
    expect(found.verdict.reaches).toBe(true);
  });
});
