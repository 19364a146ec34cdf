import { describe, expect, test } from '@jest/globals';

import { kinds } from '../../../src/kernel/change.js';
import { differenceOf, differenceOfPlans } from '../../../src/kernel/difference.js';
import { stageIndexOf } from '../../../src/kernel/order.js';
import { isRepair } from '../../../src/kernel/repair.js';
import { emptyState, stateOfPlan } from '../../../src/kernel/state.js';
import { withoutPlaces } from '../../../src/kernel/vanished.js';
import { task } from '../plan/fixtures.js';
import { meddled, planOf, state, web1, web1Cable } from './states.js';

const plan = planOf();
const lines = (changes: readonly { place: string; action: string; summary: string }[]): string[] => changes.map(({ place, action, summary }) => `${place}: ${action} ${summary}`);

describe('what differs', () => {
  test('nothing, when the kernel holds the plan: a second run does nothing', () => {
    expect(differenceOf(plan.places, plan.places.map(stateOfPlan))).toEqual([]);
  });

  test('everything, on an empty machine; of every kind', () => {
    const { places } = planOf({ nodes: [...state.nodes, { id: 'node2', name: 'h2', address: '192.168.56.12', ready: true }] }, 1);
    const changes = differenceOf(places, places.map(({ place }) => emptyState(place)));
    expect(new Set(changes.map(({ kind }) => kind))).toEqual(new Set(kinds));
    expect(changes.filter(({ action }) => action === 'remove')).toEqual([]);
  });

  test('one more replica costs a handful of changes, each named', () => {
    const fewer = planOf({ tasks: state.tasks.slice(1) });
    const changes = lines(differenceOfPlans(fewer, plan));
    expect(changes).toContain(`fabric: add veth ${web1Cable} ↔ mesh0 in ${web1}`);
    expect(changes).toContain('sandbox: add destination 10.0.0.5:80 of tcp/8080 (mark 0x61f90) weight 1');
    expect(changes.filter((line) => line.startsWith('host:'))).toEqual([]);
  });

  test('a drained replica is a weight, nothing else: its connections live', () => {
    const draining = planOf({ tasks: [task('web', 1, { weight: 0 }), ...state.tasks.slice(1)] });
    expect(lines(differenceOfPlans(plan, draining))).toEqual(['sandbox: change destination 10.0.0.5:80 of tcp/8080 (mark 0x61f90) weight 1 → 0']);
  });

  test('a cable that is made again takes its addresses, neighbours, routes and settings along: one pass restores all', () => {
    const states = meddled(plan, web1, (one) => ({ link: one.link.map((link) => ({ ...link, peer: null })) }));
    const changes = lines(differenceOf(plan.places, states));
    expect(changes).toEqual(
      expect.arrayContaining([
        `fabric: add veth ${web1Cable} ↔ mesh0 in ${web1} (made again: its ends are not each other’s)`,
        `fabric: add route 10.0.0.5/32 dev ${web1Cable}`,
        expect.stringMatching(`^fabric: add neighbour 10.0.0.5 lladdr .* dev ${web1Cable}$`),
        `fabric: add sysctl net/ipv4/conf/${web1Cable}/rp_filter = 0`,
        `${web1}: add address 10.0.0.5/32 dev mesh0`,
        `${web1}: add sysctl net/ipv4/conf/mesh0/rp_filter = 0`,
      ]),
    );
    expect(changes.filter((line) => line.includes(': remove '))).toEqual([]);
  });

  test('a new hardware address flushes the neighbours of the device: they are written again', () => {
    const states = meddled(plan, 'sandbox', (one) => ({ link: one.link.map((link) => (link.name === 'eth0' ? { ...link, mac: '02:00:00:00:00:01' } : link)) }));
    expect(lines(differenceOf(plan.places, states))).toEqual([
      expect.stringMatching(/^sandbox: change link eth0 address 02:00:00:00:00:01 → /),
      expect.stringMatching(/^sandbox: add neighbour 169\.254\.1\.1 .* dev eth0$/),
    ]);
  });

  test('a setting that this kernel does not have is no difference when it is optional', () => {
    const states = meddled(plan, 'sandbox', (one) => ({ sysctl: one.sysctl.map((setting) => (setting.path.includes('disable_ipv6') ? { ...setting, value: null } : setting)) }));
    expect(differenceOf(plan.places, states)).toEqual([]);
  });

  test('a task that has vanished leaves no change behind that could fail', () => {
    const gone = new Set([web1]);
    const states = plan.places.map(stateOfPlan).filter(({ place }) => place !== web1);
    const changes = lines(differenceOf(withoutPlaces(plan.places, gone), states));
    expect(changes.filter((line) => !line.includes(': remove '))).toEqual([]);
    expect(changes).toContain(`fabric: remove link ${web1Cable} (veth)`);
  });
});

describe('order of application', () => {
  const position = (changes: readonly { place: string; summary: string }[], pattern: RegExp): number => {
    const index = changes.findIndex((change) => pattern.test(`${change.place}: ${change.summary}`));
    expect(index).toBeGreaterThanOrEqual(0);
    return index;
  };
  const way = [
    /^sandbox: network namespace/,
    /^fabric: rule filter FORWARD .*-d 10\.0\.0\.5\/32/,
    /^fabric: veth task-web1/,
    /^fabric: route 10\.0\.0\.5/,
    /^sandbox: destination 10\.0\.0\.5:80/,
    /^sandbox: rule mangle PREROUTING .*--dport 8080/,
    /^host: rule nat MESH-INGRESS .*--dport 8080/,
  ];

  test('what carries traffic is complete before traffic is sent to it', () => {
    const changes = differenceOf(plan.places, plan.places.map(({ place }) => emptyState(place)));
    const positions = way.map((pattern) => position(changes, pattern));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  test('nothing is taken away that traffic is still sent to', () => {
    const without = planOf({ services: state.services.slice(1), tasks: state.tasks.slice(2) });
    const changes = differenceOfPlans(plan, without);
    const down = [/^host: rule nat MESH-INGRESS .*--dport 8080/, /^sandbox: rule mangle PREROUTING .*--dport 8080/, /^sandbox: virtual service tcp\/8080/, /^fabric: route 10\.0\.0\.5/, /^fabric: .*link task-web1/, /^fabric: rule filter FORWARD .*-d 10\.0\.0\.5\/32/];
    const positions = down.map((pattern) => position(changes, pattern));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  test('every kind in every place has its stage', () => {
    const changes = differenceOf(plan.places, plan.places.map(({ place }) => emptyState(place)));
    expect(changes.filter((change) => stageIndexOf(change) < 0)).toEqual([]);
  });
});

describe('repairs are told from consequences of a new plan', () => {
  const fewer = planOf({ tasks: state.tasks.slice(1) });

  test('what the new plan asks for is no repair', () => {
    const changes = differenceOfPlans(fewer, plan);
    expect(changes.length).toBeGreaterThan(0);
    expect(changes.filter((change) => isRepair(change, fewer, plan))).toEqual([]);
  });

  test('what was there by the last plan and is gone, or was never planned and is there, is a repair', () => {
    const states = meddled(plan, 'sandbox', (one) => ({
      route: [...one.route.slice(1), { destination: '9.9.9.9/32', table: 254, device: 'eth0' }],
      ipvs: one.ipvs === null ? null : { ...one.ipvs, services: [] },
    }));
    const changes = differenceOf(plan.places, states);
    expect(new Set(changes.map(({ kind }) => kind))).toEqual(new Set(['route', 'ipvs']));
    expect(changes.filter((change) => !isRepair(change, plan, plan))).toEqual([]);
  });

  test('sabotage and a new plan in one pass: each is what it is', () => {
    const states = meddled(fewer, 'host', (one) => ({ sysctl: one.sysctl.map((setting) => ({ ...setting, value: '0' })) }));
    const changes = differenceOf(plan.places, states);
    const repairs = changes.filter((change) => isRepair(change, fewer, plan));
    expect(new Set(repairs.map(({ kind, place }) => `${place} ${kind}`))).toEqual(new Set(['host sysctl']));
  });

  test('without a last plan nothing is called a repair', () => {
    const [change] = differenceOf(plan.places, plan.places.map(({ place }) => emptyState(place)));
    expect(change !== undefined && isRepair(change, null, plan)).toBe(false);
  });
});
