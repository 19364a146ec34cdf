/**
 * Two plans without what both hold: the very objects, not equal ones. Sound for objects that are told apart by
 * themselves alone; links are not, since a pair is made as one, so they stay as a whole once any of them changes.
 */
import type { PlacePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import { placePlan } from '../plan/place.js';
import { changesBetween, isSameList } from '../sharing.js';

export interface PlanParts {
  readonly previous: readonly PlacePlan[];
  readonly next: readonly PlacePlan[];
}

export function withoutShared({ previous, next }: PlanParts): PlanParts {
  const isShared = haveSameLinks({ previous, next });
  const { removed, added } = changesBetween(previous, next);
  const others = new Map((isShared ? removed : previous).map((plan) => [plan.place, plan]));
  const rest = (isShared ? added : next).map((plan) => {
    const other = others.get(plan.place);
    if (other === undefined) return plan;
    const [mine, theirs] = plan === other ? [linksOf(plan), linksOf(plan)] : withoutSharedParts(plan, other);
    others.set(plan.place, theirs);
    return mine;
  });
  return { previous: [...others.values()], next: rest };
}

export function haveSameLinks({ previous, next }: PlanParts): boolean {
  if (isSameList(previous, next)) return true;
  const links = new Map<Place, PlacePlan['links']>(previous.map(({ place, links: own }) => [place, own]));
  return previous.length === next.length && next.every(({ place, links: own }) => links.get(place) !== undefined && isSameList(links.get(place) ?? [], own));
}

function linksOf({ place, namespace, links }: PlacePlan): PlacePlan {
  return placePlan({ place, namespace, links });
}

const lists = ['addresses', 'neighbours', 'forwarding', 'routes', 'rules', 'sysctls', 'virtualServices', 'placeholders'] as const satisfies readonly (keyof PlacePlan)[];

/** Of two plans of one place, what only one of them holds of each list. Chains and guests are compared by their reconciler. */
function withoutSharedParts(one: PlacePlan, other: PlacePlan): [PlacePlan, PlacePlan] {
  const [mine, theirs]: [Record<string, unknown>, Record<string, unknown>] = [{}, {}];
  for (const list of lists) {
    const { removed, added } = changesBetween<unknown>(other[list], one[list]);
    mine[list] = added;
    theirs[list] = removed;
  }
  return [{ ...one, ...mine }, { ...other, ...theirs }];
}
