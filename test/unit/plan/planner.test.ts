import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { byId } from '../../../src/cluster/sorting.js';
import type { ClusterNode, ClusterState, Service, Task } from '../../../src/cluster/state.js';
import { differenceOf, differenceOfPlans, notYetReached } from '../../../src/kernel/difference.js';
import { stateOfPlan } from '../../../src/kernel/state.js';
import type { PlanContext } from '../../../src/plan/context.js';
import { plan, Planner } from '../../../src/plan/plan.js';
import { defaultSettings } from '../../../src/settings.js';
import { cluster, contextFor, nodeId, port, service, task } from './fixtures.js';

const nodes: ClusterNode[] = [1, 2, 3].map((number) => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true }));
const names = ['a', 'b', 'c', 'd'] as const;
const onNode = fc.constantFrom('node1', 'node2', 'node3');

/** One step of a cluster's life, of which everything else stays the very object that it was. */
type Step = (world: World) => World;
interface World {
  readonly state: ClusterState;
  readonly dead: ReadonlySet<string>;
  readonly unreached: ReadonlySet<string>;
  readonly lost: ReadonlySet<string>;
}

/** Identities are unique in the cluster, also those of a task that comes back with another one. */
const aTask = fc.record({ name: fc.constantFrom(...names), slot: fc.integer({ min: 1, max: 4 }), on: onNode, weight: fc.constantFrom(0, 1, 1, 7, 'starting' as const), host: fc.integer({ min: 1, max: 3 }) }).map(
  ({ name, slot, on, weight, host }): Task => task(name, slot, { nodeId: on, ...(weight === 'starting' ? { weight: 0, starting: true } : { weight }), identity: { address: `10.0.${names.indexOf(name)}.${10 * slot + host}`, prefixLength: 16 } }),
);
const aService = fc
  .record({
    name: fc.constantFrom(...names),
    createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
    removed: fc.boolean(),
    ports: fc.uniqueArray(
      fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const), published: fc.constantFrom(53, 80, 8080, 8081), target: fc.constantFrom(53, 80), udp: fc.constantFrom('flow' as const, 'one-packet' as const), sourceAddress: fc.constantFrom('preserve' as const, 'snat' as const) }),
      { maxLength: 3, selector: ({ protocol, published }) => `${protocol}/${published}` },
    ),
  })
  .map(({ name, createdAt, removed, ports }): Service =>
    service(name, ports.map(({ published, target, protocol, udp, sourceAddress }) => port(published, target, { protocol, publishedBy: 'label', policy: { udp, sourceAddress } })), { createdAt, ...(removed ? { removed } : {}) }));

function put<Item extends { readonly id: string }>(list: readonly Item[], item: Item): Item[] {
  return [...list.filter(({ id }) => id !== item.id), item].sort(byId);
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: aTask.map((one): Step => (world) => ({ ...world, state: { ...world.state, tasks: put(world.state.tasks, one) } })) },
  aService.map((one): Step => (world) => ({ ...world, state: { ...world.state, services: put(world.state.services, one) } })),
  aTask.map(({ id: gone }): Step => (world) => ({ ...world, state: { ...world.state, tasks: world.state.tasks.filter(({ id }) => id !== gone) } })),
  fc.subarray(['node2', 'node3']).map((dead): Step => (world) => ({ ...world, dead: new Set(dead) })),
  aTask.map(({ id }): Step => (world) => ({ ...world, unreached: new Set(world.unreached.has(id) ? [] : [id]) })),
  aTask.map(({ id }): Step => (world) => ({ ...world, lost: new Set(world.lost.has(id) ? [] : [id]) })),
  fc.subarray(nodes, { minLength: 1 }).map((others): Step => (world) => ({ ...world, state: { ...world.state, nodes: nodes.filter((node, index) => index === 0 || others.includes(node)) } })),
);

const nothing: World = { state: cluster({ nodes }), dead: new Set(), unreached: new Set(), lost: new Set() };

function contextOf({ state, dead, unreached, lost }: World, setsFrom: number | null): PlanContext {
  const local = state.tasks.filter(({ id, nodeId: on }) => on === nodeId && !lost.has(id));
  return contextFor(state, { settings: { ...defaultSettings, setsFrom }, localTasks: new Map(local.map(({ id }) => [id, { path: `/run/netns/${id}`, device: 'eth0' }])), deadPeers: dead, unreachedTasks: unreached });
}

const lines = (changes: ReturnType<typeof differenceOf>) => changes.map(({ place, action, summary }) => `${place}: ${action} ${summary}`).sort();

// Never, always, and to and fro.
describe.each([null, 1, 4])('a controller that plans again and again, with sets from %s ports on', (setsFrom) => {
  it('has after any history the plan of one that starts now', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const planner = new Planner();
        let world = nothing;
        for (const next of steps) {
          world = next(world);
          expect(planner.plan(world.state, contextOf(world, setsFrom))).toEqual(plan(world.state, contextOf(world, setsFrom)));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('finds between two plans of its own what a comparison of everything finds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const planner = new Planner();
        let world = nothing;
        let last = planner.plan(world.state, contextOf(world, setsFrom));
        for (const next of steps) {
          world = next(world);
          const now = planner.plan(world.state, contextOf(world, setsFrom));
          expect(lines(differenceOfPlans(last, now))).toEqual(lines(differenceOf(now.places, last.places.map(stateOfPlan))));
          expect(notYetReached(last, now)?.size === 0).toBe(differenceOfPlans(last, now).every(({ kind }) => kind === 'ipvs'));
          last = now;
        }
      }),
      { numRuns: 40 },
    );
  });

  it('keeps what a change has nothing to do with as the very objects, so that they need not be compared', () => {
    const before = cluster({ nodes, services: [service('a', [port(80, 80)]), service('b', [port(81, 80)])], tasks: [task('a', 1), task('b', 2, { nodeId: 'node2' })] });
    const context = contextFor(before, { settings: { ...defaultSettings, setsFrom } });
    const planner = new Planner();
    const first = planner.plan(before, context);
    const second = planner.plan({ ...before, tasks: before.tasks.map((one) => (one.serviceId === 'service-b' ? { ...one, weight: 5 } : one)) }, context);

    for (const [index, place] of second.places.entries()) {
      const old = first.places[index];
      expect(place.routes).toBe(old?.routes);
      expect(place.sets).toBe(old?.sets);
      place.iptables.chains.forEach(({ rules }, at) => { expect(rules).toBe(old?.iptables.chains[at]?.rules); });
    }
    expect(second.places[1]?.virtualServices[0]).toBe(first.places[1]?.virtualServices[0]);
    expect(second.places[1]?.virtualServices[1]).not.toBe(first.places[1]?.virtualServices[1]);
  });
});
