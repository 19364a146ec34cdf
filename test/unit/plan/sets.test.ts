import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { protocols, type ClusterNode, type ClusterState, type Task } from '../../../src/cluster/state.js';
import type { OwnedChain } from '../../../src/plan/iptables.js';
import { memberKey, setNames } from '../../../src/plan/sets.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import type { Place } from '../../../src/plan/objects.js';
import { plan } from '../../../src/plan/plan.js';
import { defaultSettings } from '../../../src/settings.js';
import { chainOf, cluster, contextFor, nodeId, placeOf, port, service, task } from './fixtures.js';
import { memberFor, targetOf, verdictOf, type Packet } from './packets.js';

const nodes: ClusterNode[] = [1, 2].map((number) => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true }));
const number = fc.constantFrom(53, 80, 81, 8080, 8081);
const anyState: fc.Arbitrary<ClusterState> = fc
  .array(
    fc.record({
      ports: fc.array(fc.record({ protocol: fc.constantFrom(...protocols), published: number, target: number, sourceAddress: fc.constantFrom('preserve' as const, 'snat' as const), udp: fc.constantFrom('flow' as const, 'one-packet' as const) }), { maxLength: 4 }),
      tasks: fc.array(fc.constantFrom('node1', 'node2'), { maxLength: 3 }),
      removed: fc.boolean(),
    }),
    { maxLength: 4 },
  )
  .chain((services) => fc.subarray(nodes, { minLength: 1 }).map((those) => ({ services, those })))
  .map(({ services, those }) =>
    cluster({
      nodes: those.some(({ id }) => id === nodeId) ? those : [...nodes.slice(0, 1), ...those],
      services: services.map(({ ports, removed }, index) => service(`s${index}`, ports.map(({ published, target, protocol, ...policy }) => port(published, target, { protocol, publishedBy: 'label', policy })), removed ? { removed } : {})),
      tasks: services.flatMap(({ tasks }, index) => tasks.map((on, slot): Task => task(`s${index}`, slot, { nodeId: on, identity: { address: `10.0.${index}.${slot + 2}`, prefixLength: 16 } }))),
    }),
  );

function planned(state: ClusterState, setsFrom: number | null, more: { whyNoSets?: string | null } = {}): NodePlan {
  const context = contextFor(state, { settings: { ...defaultSettings, setsFrom }, ...more });
  const localTasks = new Map([...context.localTasks].filter(([id]) => state.tasks.some((each) => each.id === id && each.nodeId === nodeId)));
  return plan(state, { ...context, localTasks });
}

const anyPacket: fc.Arbitrary<Packet> = fc.record({
  source: fc.constantFrom('203.0.113.9', '100.104.56.12'),
  destination: fc.constantFrom('172.30.0.2', '10.0.0.2', '10.0.0.3', '10.0.1.2', '10.0.2.2', '10.9.9.9'),
  inputDevice: fc.constantFrom('eth0', 'eth1', 'sbox0', 'vxlan0', 'mesh_gwbridge'),
  outputDevice: fc.constantFrom('mesh_gwbridge', 'eth0'),
  protocol: fc.constantFrom(...protocols),
  port: number,
  icmpType: fc.constant(null),
  state: fc.constantFrom('NEW' as const, 'ESTABLISHED' as const),
  mark: fc.constantFrom(0, 2),
});

function chainIn(result: NodePlan, place: Place, table: string, chain: string): OwnedChain {
  const found = placeOf(result, place).iptables.chains.find((each) => each.table === table && each.chain === chain);
  if (found === undefined) throw new Error(`${place} has no ${table} ${chain}`);
  return found;
}

/** Which mark the sandbox gives, by rule or by set. */
function markOf(result: NodePlan, packet: Packet): number {
  const { sets } = placeOf(result, 'sandbox');
  const [target, option, ...values] = targetOf(chainIn(result, 'sandbox', 'mangle', 'PREROUTING'), { ...packet, inputDevice: 'eth1' }, sets) ?? [];
  if (target === undefined) return 0;
  return target === 'MARK' && option === '--set-xmark' ? Number(values[0]?.split('/')[0]) : (memberFor(packet, sets, values[0] ?? '')?.mark ?? 0);
}

/** Where the host sends a packet: to an address and the port that it then has. */
function destinationOf(result: NodePlan, packet: Packet): string {
  const target = targetOf(chainIn(result, 'host', 'nat', 'MESH-INGRESS'), packet, placeOf(result, 'host').sets) ?? [];
  const [address, to] = (target[2] ?? '').split(':');
  return target[0] === 'DNAT' ? `${address ?? ''}:${to ?? packet.port ?? ''}` : 'nowhere';
}

describe('sets in place of rules', () => {
  it('do with every packet what the rules do: host, marks, fabric', () => {
    fc.assert(fc.property(anyState, fc.array(anyPacket, { minLength: 20, maxLength: 40 }), (state, packets) => {
      const [byRule, bySet] = [planned(state, null), planned(state, 1)];
      const routes = new Map(placeOf(byRule, 'fabric').routes.map(({ destination, device }) => [destination, device]));
      for (const packet of packets) {
        expect(destinationOf(bySet, packet)).toBe(destinationOf(byRule, packet));
        expect(markOf(bySet, packet)).toBe(markOf(byRule, packet));
        // The fabric's packets leave as its routes say.
        const routed = { ...packet, outputDevice: routes.get(`${packet.destination}/32`) ?? 'sbox0' };
        for (const [place, table, chain, each] of [['host', 'filter', 'MESH-INGRESS', packet], ['fabric', 'filter', 'FORWARD', routed], ['fabric', 'raw', 'PREROUTING', routed]] as const) {
          const verdicts = [byRule, bySet].map((result) => verdictOf(chainIn(result, place, table, chain), each, placeOf(result, place).sets));
          expect({ place, each, verdict: verdicts[1] }).toEqual({ place, each, verdict: verdicts[0] });
        }
      }
    }));
  });

  it('leave everything else as it is, rules of single ports too', () => {
    fc.assert(fc.property(anyState, (state) => {
      const [byRule, bySet] = [planned(state, null), planned(state, 1)];
      const rest = (result: NodePlan) => result.places.map(({ iptables, sets: _, ...place }) => ({ ...place, guests: iptables.guests, others: iptables.chains.filter(({ table, chain }) => chain === 'POSTROUTING' || chain === 'MESH-PEERS' || (place.place === 'sandbox' && table === 'raw')) }));
      expect(rest(bySet)).toEqual(rest(byRule));
    }));
  });

  it('hold each member once, and have names that are ours', () => {
    fc.assert(fc.property(anyState, (state) => {
      for (const { name, members } of planned(state, 1).places.flatMap(({ sets }) => sets)) {
        expect(setNames).toContain(name);
        expect(new Set(members.map(memberKey)).size).toBe(members.length);
      }
    }));
  });

  const web = (count: number): ClusterState => cluster({ nodes, services: [service('web', Array.from({ length: count }, (_, index) => port(8000 + index, 80)))], tasks: [task('web', 1), task('web', 2, { nodeId: 'node2' })] });

  it('come with the 64th port, and below it every port has its rules, readable', () => {
    const below = plan(web(63), contextFor(web(63)));
    expect(below.places.flatMap(({ sets }) => sets)).toEqual([]);
    expect(chainOf(below, 'host', 'nat', 'MESH-INGRESS')[0]).toBe('-p tcp -m tcp --dport 8000 -j DNAT --to-destination 172.30.0.2:8000');
    const from = plan(web(64), contextFor(web(64)));
    expect(chainOf(from, 'host', 'nat', 'MESH-INGRESS')).toEqual(['-p tcp -m set --match-set mesh-tcp dst -j DNAT --to-destination 172.30.0.2', '-j RETURN']);
    expect(chainOf(from, 'sandbox', 'mangle', 'PREROUTING')).toEqual(['-i eth1 -p tcp -j SET --map-set mesh-tcp dst --map-mark']);
    expect(placeOf(from, 'fabric').sets.map(({ name, members }) => [name, members.length])).toEqual([['mesh-targets', 2], ['mesh-tasks', 1]]);
  });

  it('keep the rules the same, however many ports there are', () => {
    const rules = (count: number) => planned(web(count), 64).places.map(({ iptables }) => iptables.chains);
    expect(rules(5_000)).toEqual(rules(64));
  });

  it('are done without where the node has none, and a condition says so', () => {
    const without = planned(web(64), 64, { whyNoSets: 'no such module' });
    expect(without.places.flatMap(({ sets }) => sets)).toEqual([]);
    expect(without.conditions).toMatchObject([{ reason: 'SetsUnavailable' }]);
    expect(without.conditions[0]?.message).toContain('64 published ports are matched rule by rule, which costs every new connection: no such module');
    expect(planned(web(63), 64, { whyNoSets: 'no such module' }).conditions).toEqual([]);
  });
});
