/**
 * A difference between what the plan wants and what the kernel has, with all that is needed to apply it.
 */
import type { Place } from '../plan/objects.js';

/**
 * Kinds of kernel objects in the order in which they are built, so that what carries traffic is complete before
 * traffic is sent to it; teardown goes the other way round.
 */
export const kinds = [
  'namespace',
  'link',
  'sysctl',
  'address',
  'neighbour',
  'fdb',
  'route',
  'rule',
  'ipvs',
  'set',
  'iptables',
  'placeholder',
] as const;
export type Kind = (typeof kinds)[number];

export type Action = 'add' | 'change' | 'remove';

export interface Change {
  readonly kind: Kind;
  readonly place: Place;
  readonly action: Action;
  /** Names the object among those of its kind and place; the same in plan and observation. */
  readonly key: string;
  /** One line for a person: `route 10.0.0.5/32 dev task-abc`, `destination 10.0.0.5:80 weight 1 → 0`. */
  readonly summary: string;
}

/** Changes carry what applying them takes (handles, messages): people's tools get what is said of them. */
export function wordsOf({ place, kind, action, key, summary }: Change): Change {
  return { place, kind, action, key, summary };
}
