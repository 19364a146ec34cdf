/**
 * Is a change somebody else's meddling put right, or the consequence of a new plan?
 *
 * A change is a consequence when the new plan asks for it on top of the old one; everything else was taken, altered or
 * put there by somebody else. "Asks for it" is what a difference of the two plans says, so every kind is judged by its
 * own diff.
 */
import type { NodePlan } from '../plan/node-plan.js';
import type { Change } from './change.js';
import { differenceOfPlans } from './difference.js';

/** `lastHeld`: the last plan that the kernel has held whole; null when there is none, then nothing is a repair. */
export function isRepair(change: Change, lastHeld: NodePlan | null, next: NodePlan): boolean {
  return lastHeld !== null && !consequencesOf(lastHeld, next).has(idOf(change));
}

/** Those changes about whose objects both plans agree; the others were found by the light of a plan that is no longer wanted. */
export function stillWanted<C extends Change>(changes: readonly C[], judgedBy: NodePlan, latest: NodePlan): C[] {
  const moved = new Set(differenceOfPlans(judgedBy, latest).map(objectIdOf));
  return changes.filter((change) => !moved.has(objectIdOf(change)));
}

/** The last answer is kept: the same two plans are asked about for each of a pass's changes. */
let remembered: { readonly lastHeld: NodePlan; readonly next: NodePlan; readonly ids: ReadonlySet<string> } | undefined;

function consequencesOf(lastHeld: NodePlan, next: NodePlan): ReadonlySet<string> {
  if (remembered?.lastHeld !== lastHeld || remembered.next !== next) {
    remembered = { lastHeld, next, ids: new Set(differenceOfPlans(lastHeld, next).map(idOf)) };
  }
  return remembered.ids;
}

/** Whether an object is added or changed may differ between plan and kernel; that it is (not) removed may not. */
function idOf(change: Change): string {
  return [objectIdOf(change), change.action === 'remove' ? 'remove' : 'set'].join('\u0000');
}

function objectIdOf({ kind, place, key }: Change): string {
  return [kind, place, key].join('\u0000');
}
