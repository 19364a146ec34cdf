/** Observations for tests of the pure diffs: what the kernel would hold if a plan were applied, then meddled with. */
import { stateOfPlan, type PlaceState } from '../../../src/kernel/state.js';
import { plan } from '../../../src/plan/plan.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import type { Place } from '../../../src/plan/objects.js';
import type { ClusterState } from '../../../src/cluster/state.js';
import { defaultSettings } from '../../../src/settings.js';
import { cluster, contextFor, port, service, task } from '../plan/fixtures.js';

export const state: ClusterState = cluster({
  services: [service('web', [port(8080, 80)]), service('dns', [port(53, 5353, { protocol: 'udp', publishedBy: 'label' })])],
  tasks: [task('web', 1), task('web', 2), task('dns', 3)],
});

export const web1: Place = `task:${task('web', 1).id}`;
export const web1Cable = 'task-web1xxxxxx';

/** `setsFrom`: so many ports are matched by sets. */
export function planOf(parts: Partial<ClusterState> = {}, setsFrom: number | null = null): NodePlan {
  const whole = { ...state, ...parts };
  return plan(whole, contextFor(whole, { settings: { ...defaultSettings, setsFrom } }));
}

export function meddled(plan: NodePlan, place: Place, meddle: (state: PlaceState) => Partial<PlaceState>): PlaceState[] {
  return plan.places.map(stateOfPlan).map((one) => (one.place === place ? { ...one, ...meddle(one) } : one));
}
