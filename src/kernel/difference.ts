/** Plan against state, all kinds at once, in the order of application. Pure: an earlier plan can stand in for the kernel. */
import { isDeepStrictEqual } from 'node:util';
import type { NodePlan, PlacePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import { changesBetween } from '../sharing.js';
import { placePlan } from '../plan/place.js';
import { kinds } from './change.js';
import { afterLinkChanges } from './link/consequences.js';
import { ipvsReconciler, type IpvsChange } from './ipvs.js';
import { stageIndexOf, stages } from './order.js';
import type { PlacePair } from './reconciler.js';
import { reconcilers, type KernelChange } from './reconcilers.js';
import { haveSameLinks, withoutShared, type PlanParts } from './shared-parts.js';
import { emptyState, stateOfPlan, type PlaceState } from './state.js';
import { cablesTo, deviceKey } from './vanished.js';

/** What must change for the states to become the plan's. A place that is observed but not planned should hold nothing of ours. */
export function differenceOf(places: readonly PlacePlan[], states: readonly PlaceState[]): KernelChange[] {
  const observed = new Map(states.map((state) => [state.place, state]));
  const planned = new Set(places.map(({ place }) => place));
  const left = states.filter(({ place }) => !planned.has(place)).map(({ place }) => placePlan({ place, namespace: null }));
  const all = [...places, ...left];
  const pairUp = (found: ReadonlyMap<Place, PlaceState>): PlacePair[] => all.map((desired) => ({ desired, observed: found.get(desired.place) ?? emptyState(desired.place) }));

  const links = reconcilers.link.diff(pairUp(observed));
  const afterLinks = pairUp(new Map(afterLinkChanges([...observed.values()], links).map((state) => [state.place, state])));
  return inOrderOfApplication(kinds.map((kind): readonly KernelChange[] => (kind === 'link' ? links : reconcilers[kind].diff(afterLinks))));
}

/**
 * What a new plan changes, if the kernel still holds what the old one said. Costs what is not shared: objects that both
 * plans hold (the very objects, not equal ones) are passed over.
 */
export function differenceOfPlans(previous: NodePlan, next: NodePlan): KernelChange[] {
  const whole: PlanParts = { previous: previous.places, next: next.places };
  const parts = touchesLinks(whole) ? whole : withoutShared(whole);
  return differenceOf(parts.next, parts.previous.map(stateOfPlan));
}

/** Of `differenceOfPlans`, what concerns IPVS: links and what is on them are no part of it, so that nothing else is compared. */
export function ipvsDifferenceOfPlans(previous: NodePlan, next: NodePlan): IpvsChange[] {
  const parts = withoutShared({ previous: previous.places, next: next.places });
  const before = new Map(parts.previous.map((plan) => [plan.place, stateOfPlan(plan)]));
  return ipvsReconciler.diff(parts.next.map((desired) => ({ desired, observed: before.get(desired.place) ?? emptyState(desired.place) })));
}

/**
 * What two plans differ by besides IPVS, as far as it can keep connections from some address: the addresses of tasks whose
 * cables are all of it; null: it may be any. Where all else is equal, no list of differences is made; `atAGlance`: it is not
 * made at all.
 */
export function notYetReached(previous: NodePlan, next: NodePlan, atAGlance = false): ReadonlySet<string> | null {
  const { removed, added } = changesBetween(previous.places, next.places);
  const before = new Map(removed.map((plan) => [plan.place, plan]));
  const isObvious = removed.length === added.length && added.every((plan) => {
    const other = before.get(plan.place);
    return other !== undefined && isDeepStrictEqual(withoutIpvs(plan), withoutIpvs(other));
  });
  if (isObvious) return new Set();
  if (atAGlance) return null;
  const others = differenceOfPlans(previous, next).filter(({ kind }) => kind !== 'ipvs');
  const tasks = new Set(others.map(({ place }) => place).filter((place) => place.startsWith('task:')));
  const plans = [...previous.places, ...next.places];
  const cables = cablesTo(plans, tasks);
  const isOfCable = ({ place, device }: KernelChange): boolean => tasks.has(place) || (device !== null && cables.has(deviceKey(place, device)));
  if (!others.every(isOfCable)) return null;
  return new Set(plans.filter(({ place }) => tasks.has(place)).flatMap(({ addresses }) => addresses.map(({ address }) => address.replace(/\/.*/, ''))));
}

function withoutIpvs(plan: PlacePlan): PlacePlan {
  return { ...plan, virtualServices: [], ipvsTimeouts: null };
}

/** A link that is made again or gets another address takes along what is on it: then everything is compared. */
function touchesLinks(whole: PlanParts): boolean {
  if (haveSameLinks(whole)) return false;
  const observed = new Map(whole.previous.map((plan) => [plan.place, stateOfPlan(placePlan({ place: plan.place, namespace: plan.namespace, links: plan.links }))]));
  const changes = reconcilers.link.diff(whole.next.map((desired) => ({ desired, observed: observed.get(desired.place) ?? emptyState(desired.place) })));
  return changes.some(({ work }) => work.type === 'settings' || (work.type === 'make-veth' ? work.replaces.length > 0 : work.type !== 'delete' && work.replaces));
}

/** Additions and changes by stage, then removals by stage backwards. Lists are joined here once: they may hold a hundred thousand. */
export function inOrderOfApplication<C extends KernelChange>(lists: readonly (readonly C[])[]): C[] {
  const up: C[][] = stages.map(() => []);
  const down: C[][] = stages.map(() => []);
  for (const list of lists) for (const change of list) (change.action === 'remove' ? down : up)[stageIndexOf(change)]?.push(change);
  return ([] as C[]).concat(...up, ...down.reverse());
}
