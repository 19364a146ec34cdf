/** Tasks come and go while we look: what was planned for one that has gone is no failure of anybody's. */
import type { PlacePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import { deviceOfSysctl } from './sysctl.js';

/** Devices of other places that are cables to these ones: `fabric task-abc`. */
export function cablesTo(places: readonly PlacePlan[], gone: ReadonlySet<Place>): Set<string> {
  return new Set(
    places.flatMap(({ place, links }) => links.flatMap((link) => (link.kind === 'veth' && gone.has(link.peer.place) ? [deviceKey(place, link.name)] : []))),
  );
}

export function deviceKey(place: Place, device: string): string {
  return `${place} ${device}`;
}

/** The plan without some places, and without all that elsewhere is on the cables to them. */
export function withoutPlaces(places: readonly PlacePlan[], gone: ReadonlySet<Place>): PlacePlan[] {
  if (gone.size === 0) return [...places];
  const cables = cablesTo(places, gone);
  return places
    .filter(({ place }) => !gone.has(place))
    .map((plan) => {
      const stays = ({ device }: { readonly device: string | null }): boolean => device === null || !cables.has(deviceKey(plan.place, device));
      return {
        ...plan,
        links: plan.links.filter(({ name }) => stays({ device: name })),
        addresses: plan.addresses.filter(stays),
        neighbours: plan.neighbours.filter(stays),
        forwarding: plan.forwarding.filter(stays),
        routes: plan.routes.filter(stays),
        sysctls: plan.sysctls.filter(({ path }) => stays({ device: deviceOfSysctl(path) })),
      };
    });
}
