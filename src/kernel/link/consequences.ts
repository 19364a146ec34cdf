/**
 * What a change to a link takes along, so that one pass puts everything right: a link that is made again has lost its
 * addresses, neighbours, routes and settings, although all of them were still there when we looked.
 */
import type { Place } from '../../plan/objects.js';
import { deviceOfSysctl } from '../sysctl.js';
import type { PlaceState } from '../state.js';
import type { LinkChange } from './diff.js';

export function afterLinkChanges(states: readonly PlaceState[], changes: readonly LinkChange[]): PlaceState[] {
  const remade = new Set<string>();
  const readdressed = new Set<string>();
  const id = (place: Place, device: string | null): string => `${place} ${device ?? ''}`;
  for (const { place, work } of changes) {
    if (work.type === 'make-bridge' || work.type === 'make-vxlan') remade.add(id(place, work.link.name));
    if (work.type === 'make-veth') {
      for (const end of [work.owner, work.peer]) remade.add(id(end.place, end.link.name));
    }
    // A new hardware address flushes the device's neighbours, permanent ones too (neigh_changeaddr() of net/core/neighbour.c).
    if (work.type === 'settings' && work.mac !== undefined) readdressed.add(id(place, work.name));
  }
  if (remade.size === 0 && readdressed.size === 0) return [...states];

  return states.map((state) => {
    const stays = ({ device }: { readonly device: string }): boolean => !remade.has(id(state.place, device));
    return {
      ...state,
      address: state.address.filter(stays),
      fdb: state.fdb.filter(stays),
      neighbour: state.neighbour.filter((entry) => stays(entry) && !readdressed.has(id(state.place, entry.device))),
      route: state.route.filter(stays),
      sysctl: state.sysctl.map((setting) => (remade.has(id(state.place, deviceOfSysctl(setting.path))) ? { ...setting, value: null } : setting)),
      link: state.link.filter(({ name }) => !remade.has(id(state.place, name))),
    };
  });
}
