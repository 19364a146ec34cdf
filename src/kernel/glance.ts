/** A look where the kernel has hinted at a change: of all else an earlier plan says what is there. */
import type { NodePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import { kinds, type Kind } from './change.js';

/**
 * Who tells of a change: parts of the kernel, each of its own, and a cable, whose one end tells of the other. IPVS, sets and
 * sysctls tell of none: of IPVS we know ourselves when to doubt it.
 */
export type Teller = 'rtnetlink' | 'nftables' | 'cable' | 'ipvs';

export type DoubtedPlaces = ReadonlyMap<Place, ReadonlySet<Teller>>;
/** Where the kernel may hold something else than is known: what was told of in some places, or anything anywhere. */
export type Doubted = DoubtedPlaces | 'everywhere';

export interface Glance {
  readonly doubted: DoubtedPlaces;
  /** What the kernel held when it was last looked at or changed. */
  readonly known: NodePlan;
}

/** What may be another after a hint. A device that is made again comes with its sysctls as they are in any new one. */
const kindsOf: Readonly<Record<Teller, ReadonlySet<Kind>>> = {
  rtnetlink: new Set(['namespace', 'link', 'sysctl', 'address', 'neighbour', 'fdb', 'route', 'rule']),
  nftables: new Set(['namespace', 'iptables']),
  ipvs: new Set(['namespace', 'ipvs']),
  // It may be gone because all of the namespace at its other end is.
  cable: new Set(kinds),
};

/** Whatever IPVS holds. */
export const ipvsDoubted: DoubtedPlaces = new Map([['sandbox', new Set<Teller>(['ipvs'])]]);

export function isDoubted(doubted: DoubtedPlaces, place: Place, kind: Kind): boolean {
  return [...(doubted.get(place) ?? [])].some((teller) => kindsOf[teller].has(kind));
}

export function bothDoubted(one: Doubted, other: Doubted): Doubted {
  if (one === 'everywhere' || other === 'everywhere') return 'everywhere';
  const both = new Map(one);
  for (const [place, tellers] of other) both.set(place, new Set([...(both.get(place) ?? []), ...tellers]));
  return both;
}
