import { describe, expect, it } from '@jest/globals';
import { defaultPortPolicy, type PortPolicy } from '../../../src/cluster/policy.js';
import { differenceOf } from '../../../src/kernel/difference.js';
import { stateOfPlan } from '../../../src/kernel/state.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { plan } from '../../../src/plan/plan.js';
import { chainOf, cluster, contextFor, placeOf, port, service, task } from './fixtures.js';

const dns = (published: number, target: number, policy: Partial<PortPolicy> = { udp: 'one-packet' }) => port(published, target, { protocol: 'udp', policy });

function planned(ports: readonly ReturnType<typeof port>[]): NodePlan {
  const state = cluster({ services: [service('dns', ports)], tasks: [task('dns', 1), task('dns', 2)] });
  return plan(state, contextFor(state));
}

const scheduledSingly = (node: NodePlan) => placeOf(node, 'sandbox').virtualServices.map(({ onePacket }) => onePacket);
const rawRules = (node: NodePlan) => placeOf(node, 'sandbox').iptables.chains.filter(({ table }) => table === 'raw').flatMap(({ rules }) => rules);

describe('udp=one-packet', () => {
  const node = planned([dns(53, 5353), port(53, 53)]);

  it('has each datagram scheduled for itself, and leaves other ports alone', () => {
    expect(scheduledSingly(node)).toEqual([false, true]);
    expect(node.conditions).toEqual([]);
  });

  it('brings the answers back from the port that the client asked, or no client would take them', () => {
    expect(chainOf(node, 'sandbox', 'nat', 'POSTROUTING')).toEqual([
      '-s 10.0.0.5/32 -o eth1 -p udp -m udp --sport 5353 -j SNAT --to-source 172.30.0.2:53',
      '-s 10.0.0.6/32 -o eth1 -p udp -m udp --sport 5353 -j SNAT --to-source 172.30.0.2:53',
    ]);
  });

  it('gives each task’s answers a zone of their own, or all but the first task’s were dropped as clashes', () => {
    expect(chainOf(node, 'sandbox', 'raw', 'PREROUTING')).toEqual([
      '-s 10.0.0.5/32 -i eth0 -p udp -m udp --sport 5353 -j CT --zone 5',
      '-s 10.0.0.6/32 -i eth0 -p udp -m udp --sport 5353 -j CT --zone 6',
    ]);
  });

  it('never uses zone 0, which is the requests’', () => {
    const state = cluster({ services: [service('dns', [dns(53, 5353)])], tasks: [task('dns', 1, { identity: { address: '10.1.0.0', prefixLength: 8 } })] });
    expect(chainOf(plan(state, contextFor(state)), 'sandbox', 'raw', 'PREROUTING')[0]).toMatch(/ --zone 65535$/);
  });

  it('costs nothing where nobody asks for it', () => {
    const flows = planned([dns(53, 5353, defaultPortPolicy)]);
    expect(scheduledSingly(flows)).toEqual([false]);
    expect(rawRules(flows)).toEqual([]);
  });

  it('leaves no rule behind when it is taken back', () => {
    const flows = planned([dns(53, 5353, defaultPortPolicy), port(53, 53)]);
    const changes = differenceOf(flows.places, node.places.map(stateOfPlan)).map(({ place, action, summary }) => `${place}: ${action} ${summary}`);
    expect(changes).toEqual(
      expect.arrayContaining([
        'sandbox: change virtual service udp/53 (mark 0x110035) rr (was rr, one packet)',
        expect.stringMatching(/^sandbox: remove .*raw PREROUTING.* -s 10\.0\.0\.5\/32 .*--zone 5/),
        expect.stringMatching(/^sandbox: remove .*nat POSTROUTING.* -s 10\.0\.0\.5\/32 .*--to-source 172\.30\.0\.2:53/),
      ]),
    );
  });

  it('is refused aloud beside source-ip=snat, under which no answer would find its client', () => {
    const both = planned([dns(53, 5353, { udp: 'one-packet', sourceAddress: 'snat' })]);
    expect(scheduledSingly(both)).toEqual([false]);
    expect(rawRules(both)).toEqual([]);
    expect(both.conditions).toMatchObject([{ reason: 'UnsupportedPolicy', message: expect.stringMatching(/^udp\/53: udp=one-packet .*source-ip=snat hides it; udp is balanced by flow$/) }]);
  });

  it('is refused aloud where two ports lead to one: an answer does not say which of them was asked', () => {
    const twice = planned([dns(53, 5353), dns(54, 5353, defaultPortPolicy), dns(55, 5355)]);
    expect(scheduledSingly(twice)).toEqual([false, false, true]);
    expect(twice.conditions.map(({ message }) => message)).toEqual([expect.stringMatching(/^udp\/53: .*udp\/54 leads to the same port/)]);
  });
});
