/** A look at single places: of all others an earlier plan says what they hold. */
import type { NodePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';

export interface Glance {
  readonly places: ReadonlySet<Place>;
  /** What the kernel held when it was last looked at or changed. */
  readonly known: NodePlan;
}

/** Where the kernel may hold something else than is known: in some places, or in any. */
export type Doubted = ReadonlySet<Place> | 'everywhere';
