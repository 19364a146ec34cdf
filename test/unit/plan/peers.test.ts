import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ClusterNode, ClusterState } from '../../../src/cluster/state.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { peersOf } from '../../../src/plan/peers.js';
import { plan } from '../../../src/plan/plan.js';
import { chainOf, cluster, contextFor, nodeId, placeOf, port, service, task } from './fixtures.js';

const node = (number: number, address = `192.168.56.${10 + number}`): ClusterNode => ({ id: `node${number}`, name: `h${number}`, address, ready: true });
const three = [node(1), node(2), node(3)];

/** web.1 here, web.2 on h2, web.3 on h3. */
const web = cluster({
  nodes: three,
  services: [service('web', [port(8080, 80)])],
  tasks: [task('web', 1), task('web', 2, { nodeId: 'node2' }), task('web', 3, { nodeId: 'node3' })],
});
const local = new Map([...contextFor(web).localTasks].slice(0, 1));
const planned = (state: ClusterState = web, more = {}) => plan(state, contextFor(state, { localTasks: local, ...more }));
const weights = (more = {}, state = web) => planned(state, more).ports.flatMap(({ backends }) => backends.map(({ taskName, weight }) => `${taskName} ${weight}`));

describe('every node', () => {
  it('offers the tasks of all nodes', () => {
    expect(weights()).toEqual(['web.1 1', 'web.2 1', 'web.3 1']);
  });

  it('brings packets to the tasks of others by their node’s router address, and to its own by their cables', () => {
    const routes = placeOf(planned(), 'fabric').routes.map(({ destination, device, via, table }) => [destination, device, via ?? '', table].join(' '));
    expect(routes).toEqual([
      '100.104.56.11/32 sbox0  254',
      '0.0.0.0/0 sbox0 100.104.56.11 254',
      '100.104.56.12/32 vxlan0  254',
      '0.0.0.0/0 vxlan0 100.104.56.12 14348',
      '100.104.56.13/32 vxlan0  254',
      '0.0.0.0/0 vxlan0 100.104.56.13 14349',
      '10.0.0.5/32 task-web1xxxxxx  254',
      '10.0.0.6/32 vxlan0 100.104.56.12 254',
      '10.0.0.7/32 vxlan0 100.104.56.13 254',
    ]);
  });

  it('knows where each peer is without asking: neighbours and forwarding entries are written out', () => {
    const fabric = placeOf(planned(), 'fabric');
    expect(fabric.neighbours.filter(({ device }) => device === 'vxlan0')).toEqual([
      { device: 'vxlan0', address: '100.104.56.12', mac: '02:45:64:68:38:0c' },
      { device: 'vxlan0', address: '100.104.56.13', mac: '02:45:64:68:38:0d' },
    ]);
    expect(fabric.forwarding).toEqual([
      { device: 'vxlan0', mac: '02:45:64:68:38:0c', destination: '192.168.56.12' },
      { device: 'vxlan0', mac: '02:45:64:68:38:0d', destination: '192.168.56.13' },
    ]);
    expect(fabric.links.find(({ kind }) => kind === 'vxlan')).toEqual({
      kind: 'vxlan', name: 'vxlan0', mac: '02:45:64:68:38:0b', mtu: 1450, id: 4097, port: 4798, local: '192.168.56.11', underlay: 'host',
    });
  });

  it('sends a reply back to the node that took the connection', () => {
    const result = planned();
    expect(placeOf(result, 'fabric').rules).toEqual([
      { priority: 100, mark: { value: 14348, mask: 0xffff }, table: 14348 },
      { priority: 100, mark: { value: 14349, mask: 0xffff }, table: 14349 },
    ]);
    expect(chainOf(result, 'fabric', 'mangle', 'PREROUTING')).toEqual([
      '-i vxlan0 -m conntrack --ctstate NEW -j MESH-PEERS',
      '-i task-+ -j CONNMARK --restore-mark --nfmask 0xffff --ctmask 0xffff',
    ]);
    expect(chainOf(result, 'fabric', 'mangle', 'MESH-PEERS')).toEqual([
      '-m mac --mac-source 02:45:64:68:38:0c -j CONNMARK --set-xmark 0x380c/0xffff',
      '-m mac --mac-source 02:45:64:68:38:0d -j CONNMARK --set-xmark 0x380d/0xffff',
    ]);
  });

  it('keeps apart what one client port sends by several nodes', () => {
    expect(chainOf(planned(), 'fabric', 'raw', 'PREROUTING')).toEqual(['-d 10.0.0.5/32 -i vxlan0 -j MESH-PEERS']);
    expect(chainOf(planned(), 'fabric', 'raw', 'MESH-PEERS')).toEqual([
      '-m mac --mac-source 02:45:64:68:38:0c -j CT --zone-orig 14348',
      '-m mac --mac-source 02:45:64:68:38:0d -j CT --zone-orig 14349',
    ]);
  });

  it('lets in published ports only: to its own tasks from its sandbox and known peers, to the tasks of others from its sandbox', () => {
    expect(chainOf(planned(), 'fabric', 'filter', 'FORWARD')).toEqual([
      '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
      '-s 100.104.56.11/32 -i sbox0 -o vxlan0 -p icmp -m icmp --icmp-type 8 -j ACCEPT',
      '-s 100.64.0.0/10 -i vxlan0 -o task-+ -p icmp -m icmp --icmp-type 8 -m connmark ! --mark 0x0/0xffff -j ACCEPT',
      '-s 100.104.56.12/32 -d 100.104.56.11/32 -i vxlan0 -o sbox0 -p icmp -m icmp --icmp-type 8 -j ACCEPT',
      '-s 100.104.56.13/32 -d 100.104.56.11/32 -i vxlan0 -o sbox0 -p icmp -m icmp --icmp-type 8 -j ACCEPT',
      '-d 10.0.0.5/32 -i sbox0 -o task-web1xxxxxx -p tcp -m tcp --dport 80 -j ACCEPT',
      '-d 10.0.0.5/32 -i vxlan0 -o task-web1xxxxxx -p tcp -m tcp --dport 80 -m connmark ! --mark 0x0/0xffff -j ACCEPT',
      '-d 10.0.0.6/32 -i sbox0 -o vxlan0 -p tcp -m tcp --dport 80 -j ACCEPT',
      '-d 10.0.0.7/32 -i sbox0 -o vxlan0 -p tcp -m tcp --dport 80 -j ACCEPT',
    ]);
  });

  it('takes VXLAN from its peers only', () => {
    expect(chainOf(planned(), 'host', 'filter', 'MESH-INGRESS-PEERS')).toEqual(['-s 192.168.56.12/32 -j RETURN', '-s 192.168.56.13/32 -j RETURN', '-j DROP']);
    expect(chainOf(plan(cluster({}), contextFor(cluster({}))), 'host', 'filter', 'MESH-INGRESS-PEERS')).toEqual(['-j DROP']);
    expect(placeOf(planned(), 'host').iptables.guests).toContainEqual({
      table: 'filter', chain: 'INPUT', placement: 'first', rule: ['-p', 'udp', '-m', 'udp', '--dport', '4798', '-j', 'MESH-INGRESS-PEERS'],
    });
  });

  it('fills no host’s table of connections with the tunnel’s own packets, and leaves a host without a tunnel alone', () => {
    const untracked = (result: NodePlan) => placeOf(result, 'host').iptables.guests.filter(({ table }) => table === 'raw').map(({ chain, rule }) => `${chain} ${rule.join(' ')}`);
    expect(untracked(planned())).toEqual([
      'PREROUTING -p udp -m udp --dport 4798 -m addrtype --dst-type LOCAL -j CT --notrack',
      'OUTPUT -p udp -m udp --dport 4798 -j CT --notrack',
    ]);
    expect(untracked(plan(cluster({}), contextFor(cluster({}))))).toEqual([]);
  });

  it('keeps packets small enough for the underlay with VXLAN’s header around them', () => {
    const result = planned(web, { underlayMtu: 9000 });
    const mtus = Object.fromEntries(result.places.flatMap(({ links }) => links.map(({ name, mtu }) => [name, mtu])));
    expect(mtus).toEqual({ mesh_gwbridge: 9000, mesh_gw0: 9000, eth0: 8950, eth1: 9000, sbox0: 8950, vxlan0: 8950, 'task-web1xxxxxx': 8950, mesh0: 8950 });
  });
});

describe('a peer that does not answer', () => {
  it('gets no new connections', () => {
    expect(weights({ deadPeers: new Set(['node2']) })).toEqual(['web.1 1', 'web.2 0', 'web.3 1']);
  });

  it('keeps its tasks where there is nobody else: something may get through', () => {
    const elsewhere = { ...web, tasks: web.tasks.slice(1) };
    expect(weights({ deadPeers: new Set(['node2', 'node3']) }, elsewhere)).toEqual(['web.2 1', 'web.3 1']);
    expect(weights({ deadPeers: new Set(['node2', 'node3']) })).toEqual(['web.1 1', 'web.2 0', 'web.3 0']);
  });
});

describe('a task of another node that has not answered yet', () => {
  it('gets no connections while others do', () => {
    const [first, second] = web.tasks.slice(1).map(({ id }) => id);
    expect(weights({ unreachedTasks: new Set([String(first)]) })).toEqual(['web.1 1', 'web.2 0', 'web.3 1']);
    expect(weights({ unreachedTasks: new Set([String(first)]), deadPeers: new Set(['node3']) })).toEqual(['web.1 1', 'web.2 0', 'web.3 0']);
    expect(weights({ unreachedTasks: new Set([String(first), String(second)]) })).toEqual(['web.1 1', 'web.2 0', 'web.3 0']);
  });

  it('gets them where there is nobody else', () => {
    const elsewhere = { ...web, tasks: web.tasks.slice(1) };
    expect(weights({ unreachedTasks: new Set(elsewhere.tasks.map(({ id }) => id)) }, elsewhere)).toEqual(['web.2 1', 'web.3 1']);
  });
});

describe('two nodes with one router address', () => {
  // 192.232.56.12 and 192.168.56.12 have the same low 22 bits.
  const state = { ...web, nodes: [node(1), node(2), node(3, '192.232.56.12')] };

  it('are told to both, and to everybody', () => {
    const { conditions } = planned(state);
    expect(conditions.map(({ reason, object }) => [reason, object.name])).toEqual([['RouterAddressCollision', 'h2'], ['RouterAddressCollision', 'h3']]);
    expect(conditions[0]?.message).toContain('h2 (192.168.56.12) and h3 (192.232.56.12) would both be 100.104.56.12');
  });

  it('break nothing else: one is in the fabric, the same one for every node, the other serves its own tasks', () => {
    expect(weights({}, state)).toEqual(['web.1 1', 'web.2 1']);
    expect(peersOf(state, 'node2').peers.map(({ name }) => name)).toEqual(['h1']);
    expect(peersOf(state, 'node3').peers).toEqual([]);
    expect(placeOf(plan(state, contextFor(state, { nodeId: 'node3', localTasks: new Map() })), 'fabric').links.map(({ name }) => name)).toEqual(['sbox0']);
  });
});

describe('a machine that left the cluster and joined again', () => {
  // The old entry has the smaller id, and would have the place in the fabric if both were alive.
  const old = { ...node(2), id: 'node0', ready: false };
  const state = { ...web, nodes: [old, ...three] };

  it('is the node that it is now: its old entry, which is down, takes its place from nobody and alarms nobody', () => {
    expect(weights({}, state)).toEqual(['web.1 1', 'web.2 1', 'web.3 1']);
    expect(peersOf(state, nodeId)).toEqual({ peers: peersOf(web, nodeId).peers, conditions: [] });
    expect(peersOf(state, 'node2').peers.map(({ name }) => name)).toEqual(['h1', 'h3']);
  });

  it('alarms nobody while it is down as well', () => {
    const down = three.map((each) => ({ ...each, ready: each.id !== 'node2' }));
    expect(peersOf({ ...web, nodes: [old, ...down] }, nodeId).conditions).toEqual([]);
  });

  it('is told when both entries claim to be alive: two machines have one address', () => {
    const both = { ...web, nodes: [{ ...old, ready: true }, ...three] };
    expect(peersOf(both, nodeId).conditions.map(({ reason }) => reason)).toEqual(['RouterAddressCollision', 'RouterAddressCollision']);
  });
});

describe('a peer’s number', () => {
  const addresses = fc.uniqueArray(fc.integer({ min: 1, max: 0xffffff }), { minLength: 2, maxLength: 60 });
  const nodesAt = (numbers: readonly number[]): ClusterNode[] => numbers.map((number, index) => node(index + 1, `10.${(number >>> 16) & 0xff}.${(number >>> 8) & 0xff}.${number & 0xff}`));

  it('is one table, zone and mark of its own, whatever the addresses are', () => {
    fc.assert(
      fc.property(addresses, (numbers) => {
        const { peers } = peersOf(cluster({ nodes: nodesAt(numbers) }), nodeId);
        expect(new Set(peers.map(({ number }) => number)).size).toBe(peers.length);
        for (const { number } of peers) {
          expect(number).toBeGreaterThanOrEqual(256);
          expect(number).toBeLessThanOrEqual(0xffff);
        }
      }),
    );
  });

  it('stays when another node joins or leaves, so that nobody’s replies go astray', () => {
    fc.assert(
      // One network of up to 65,536 addresses: the low 16 bits tell nodes apart.
      fc.property(fc.uniqueArray(fc.integer({ min: 256, max: 0xffff }), { minLength: 3, maxLength: 60 }), fc.nat(), (numbers, which) => {
        const nodes = nodesAt(numbers);
        const leaving = nodes[1 + (which % (nodes.length - 1))];
        const before = new Map(peersOf(cluster({ nodes }), nodeId).peers.map(({ id, number }) => [id, number]));
        const after = peersOf(cluster({ nodes: nodes.filter((each) => each !== leaving) }), nodeId).peers;
        for (const { id, number } of after) expect(number).toBe(before.get(id));
      }),
    );
  });
});
