/** Plan against state, all kinds at once, in the order of application. Pure: an earlier plan can stand in for the kernel. */
import type { NodePlan, PlacePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import { placePlan } from '../plan/place.js';
import { kinds } from './change.js';
import { afterLinkChanges } from './link/consequences.js';
import { stageIndexOf } from './order.js';
import type { PlacePair } from './reconciler.js';
import { reconcilers, type KernelChange } from './reconcilers.js';
import { emptyState, stateOfPlan, type PlaceState } from './state.js';

/** What must change for the states to become the plan's. A place that is observed but not planned should hold nothing of ours. */
export function differenceOf(places: readonly PlacePlan[], states: readonly PlaceState[]): KernelChange[] {
  const observed = new Map(states.map((state) => [state.place, state]));
  const planned = new Set(places.map(({ place }) => place));
  const left = states.filter(({ place }) => !planned.has(place)).map(({ place }) => placePlan({ place, namespace: null }));
  const all = [...places, ...left];
  const pairUp = (found: ReadonlyMap<Place, PlaceState>): PlacePair[] => all.map((desired) => ({ desired, observed: found.get(desired.place) ?? emptyState(desired.place) }));

  const links = reconcilers.link.diff(pairUp(observed));
  const afterLinks = pairUp(new Map(afterLinkChanges([...observed.values()], links).map((state) => [state.place, state])));
  const changes = kinds.flatMap((kind): readonly KernelChange[] => (kind === 'link' ? links : reconcilers[kind].diff(afterLinks)));
  return inOrderOfApplication(changes);
}

/** What a new plan changes, if the kernel still holds what the old one said. */
export function differenceOfPlans(previous: NodePlan, next: NodePlan): KernelChange[] {
  return differenceOf(next.places, previous.places.map(stateOfPlan));
}

/** Additions and changes by stage, then removals by stage backwards. */
export function inOrderOfApplication<C extends KernelChange>(changes: readonly C[]): C[] {
  const position = (change: C): number => (change.action === 'remove' ? 1_000 - stageIndexOf(change) : stageIndexOf(change));
  return [...changes].sort((a, b) => position(a) - position(b));
}

