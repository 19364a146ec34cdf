import { beforeEach, describe, expect, it } from '@jest/globals';
import type { KernelEvent } from '../../../native/index.js';
import { HostConcerns } from '../../../src/kernel/host-concerns.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { placePlan } from '../../../src/plan/place.js';

const link = (linkIndex: number, name: string, kind?: string, isGone = false): KernelEvent => ({ topic: 'link', linkIndex, link: { name, kind, isGone } });
const address = (linkIndex: number, isIpv4: boolean): KernelEvent => ({ topic: 'address', linkIndex, isIpv4 });
const route = (linkIndex?: number): KernelEvent => ({ topic: 'route', linkIndex });
const rule = (chain?: string): KernelEvent => ({ topic: 'nftables', chain });

const planOf = (device: string): NodePlan => ({
  places: [
    placePlan({
      place: 'host',
      namespace: null,
      links: [{ kind: 'veth', name: device, mac: '02:00:00:00:00:01', mtu: 1500, peer: { place: 'sandbox', name: 'eth0' }, owner: true }],
      iptables: { chains: [{ table: 'nat', chain: 'MESH-INGRESS', rules: [] }], guests: [{ table: 'nat', chain: 'PREROUTING', placement: 'first', rule: ['-j', 'MESH-INGRESS'] }] },
    }),
  ],
  ports: [],
  conditions: [],
}) as unknown as NodePlan;

describe('what happens in the host’s namespace', () => {
  let concerns: HostConcerns;
  const areOurs = (...events: readonly KernelEvent[]): boolean[] => events.map((event) => concerns.concerns(event));

  beforeEach(() => {
    concerns = new HostConcerns();
    concerns.follow(planOf('mesh_gw0'));
  });

  it('calls for a look as long as no plan says what is ours', () => {
    concerns = new HostConcerns();
    expect(areOurs(link(7, 'veth7', 'veth'), rule('DOCKER'))).toEqual([true, true]);
  });

  it('calls for none where a container of somebody’s comes and goes', () => {
    expect(areOurs(link(7, 'veth7', 'veth'), link(7, 'veth7'), address(7, false), route(7), link(7, 'veth7', 'veth', true))).toEqual([false, false, false, false, false]);
  });

  it('calls for one where our own devices, addresses and routes change', () => {
    expect(areOurs(link(8, 'mesh_gw0', 'veth'), address(8, true), address(8, false), route(8), route(), link(8, 'mesh_gw0', 'veth', true))).toEqual([true, true, true, true, true, true]);
  });

  it('calls for one where the cable to the other nodes changes, though it is one such as containers have', () => {
    concerns.onUnderlay('eth0');
    expect(areOurs(link(2, 'eth0', 'veth'), route(2))).toEqual([true, true]);
  });

  it('calls for one where an address moves to a device that was taken for a container’s: it may be the node’s own', () => {
    expect(areOurs(link(2, 'eth0', 'veth'), address(2, true))).toEqual([false, true]);
  });

  it('calls for one where a device is no container’s cable, or has the number of one that is gone', () => {
    expect(areOurs(link(7, 'veth7', 'veth'), link(7, 'veth7', 'veth', true), link(7, 'ens1'), route(7), link(9, 'docker1', 'bridge'))).toEqual([false, false, true, true, true]);
  });

  it('calls for one where rules of our chains or beside our own in other chains change, and for none in chains of others', () => {
    expect(areOurs(rule('MESH-INGRESS'), rule('PREROUTING'), rule(), rule('DOCKER'))).toEqual([true, true, true, false]);
  });

  it('takes what a new plan has for ours at once', () => {
    areOurs(link(7, 'later0', 'veth'));
    concerns.follow(planOf('later0'));
    expect(areOurs(route(7), link(7, 'later0', 'veth'))).toEqual([true, true]);
  });
});
