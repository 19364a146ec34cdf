/**
 * What IPVS is told at once, beside whatever sync is running, and how the next sync learns of it. Real servers that must
 * take no more connections: a task that stops listens only a moment longer, and what is sent to it then is lost; a dead
 * peer answers nothing at all. And those that may take some now, where nothing else is left to be done but cables
 * to other tasks: of a task that was awaited all else is there.
 *
 * INVARIANTS
 * - What was told is told of by the first sync that ends afterwards, once, and not done again by it.
 * - Where it is not asked for any more, the next sync looks at what IPVS holds: no two plans differ by it.
 */
import type { Change } from '../kernel/change.js';
import type { IpvsChange } from '../kernel/ipvs.js';
import { closedMarks, isOfClosedPort } from '../kernel/order.js';
import { stillWanted } from '../kernel/repair.js';
import type { NodePlan } from '../plan/node-plan.js';
import type { MeshKernel } from './mesh-kernel.js';

/** What the kernel was told beside a sync. */
export interface Told {
  readonly changes: readonly Change[];
  /** A later plan does not ask for all of it: what IPVS holds is no plan's. */
  readonly isOvertaken: boolean;
}

/** What was made of a plan at once. */
export interface Telling {
  /** There was something to tell. */
  readonly isSomething: boolean;
  /** The kernel holds what the plan says: a sync has nothing left to do but to tell of it. */
  readonly isAll: boolean;
}

const nothing: Told = { changes: [], isOvertaken: false };

export class AtOnce {
  /** Since the last sync began, and the plan that asked for it. */
  private told: (Told & { readonly plan: NodePlan }) | null = null;

  constructor(private readonly kernel: Pick<MeshKernel, 'notYetReached' | 'ipvsDifferenceFrom' | 'applyAtOnce'>) {}

  /** `applied`: what the kernel holds but for what it was told already. */
  tell(applied: NodePlan, soon: NodePlan): Telling {
    const difference = this.kernel.ipvsDifferenceFrom(applied, soon);
    const { changes: already, isOvertaken } = this.toldFor(soon, () => difference);
    const before = namesOf(already);
    // A port that closes is none of these: its DNAT goes first.
    const closed = closedMarks(soon);
    const changes = difference.filter((change) => !isOfClosedPort(change, closed) && (before.size === 0 || !before.has(nameOf(change))));
    const isAdded = ({ action }: Change): boolean => action === 'add';
    // A new service never is alone: there is no need to compare all else.
    const addsServices = changes.some((change) => isAdded(change) && change.subject.type === 'service');
    const unreached = addsServices ? null : this.kernel.notYetReached(applied, soon, !changes.some(isAdded));
    const isReached = ({ subject }: IpvsChange): boolean => subject.type !== 'destination' || unreached?.has(subject.destination.address) === false;
    const urgent = unreached?.size === 0 ? changes : changes.filter((change) => !isAdded(change) || (unreached !== null && isReached(change)));
    const done = urgent.length === 0 ? [] : this.kernel.applyAtOnce(urgent);
    this.told = { plan: soon, changes: [...already, ...done], isOvertaken };
    return { isSomething: urgent.length > 0, isAll: unreached?.size === 0 && !isOvertaken && done.length === urgent.length };
  }

  /** A sync begins, for `next`; `applied`: as above, or null when that is not known. */
  take(next: NodePlan, applied: NodePlan | null): Told {
    const told = this.toldFor(next, applied === null ? null : () => this.kernel.ipvsDifferenceFrom(applied, next));
    this.told = null;
    return told;
  }

  /** It was done, and the sync that would have told of it has given up. */
  putBack(told: Told, plan: NodePlan): void {
    if (told === nothing) return;
    const later = this.told ?? { ...nothing, plan };
    this.told = { plan: later.plan, changes: [...told.changes, ...later.changes], isOvertaken: told.isOvertaken || later.isOvertaken };
  }

  /** A look for `plan` has found these: without those that undo what was told meanwhile. */
  without(changes: readonly Change[], plan: NodePlan): readonly Change[] {
    return this.told === null ? changes : stillWanted(changes, plan, this.told.plan);
  }

  /** `difference`: of IPVS, from what was applied to the plan; null when that is not known. */
  private toldFor(plan: NodePlan, difference: (() => readonly IpvsChange[]) | null): Told {
    if (this.told === null || this.told.changes.length === 0) return nothing;
    const { changes, isOvertaken, plan: judgedBy } = this.told;
    return { changes, isOvertaken: isOvertaken || (difference !== null && this.isUndone(changes, judgedBy, plan, difference)) };
  }

  /** Whether something was told that the plan does not ask for, and that no difference from what was applied mentions. */
  private isUndone(changes: readonly Change[], judgedBy: NodePlan, plan: NodePlan, difference: () => readonly IpvsChange[]): boolean {
    const moved = new Set(this.kernel.ipvsDifferenceFrom(judgedBy, plan).map(objectOf));
    const undone = changes.filter((change) => moved.has(objectOf(change)));
    if (undone.length === 0) return false;
    const mentioned = new Set(difference().map(objectOf));
    return undone.some((change) => !mentioned.has(objectOf(change)));
  }
}

/** All that was done, each once. */
export function joined(told: readonly Change[], applied: readonly Change[]): readonly Change[] {
  if (told.length === 0) return applied;
  const done = namesOf(told);
  return [...told, ...applied.filter((change) => !done.has(nameOf(change)))];
}

/** Of the changes from one plan to the next, those that were not told already. */
export function leftToDo(changes: readonly Change[], told: readonly Change[]): readonly Change[] {
  if (told.length === 0) return changes;
  // Of an object that was changed twice, the last time counts.
  const latest = new Map(told.map((change) => [objectOf(change), change]));
  return changes.filter((change) => {
    const done = latest.get(objectOf(change));
    return done?.action !== change.action || done.summary !== change.summary;
  });
}

function namesOf(changes: readonly Change[]): ReadonlySet<string> {
  return new Set(changes.map(nameOf));
}

/** The same for what does the same; summaries have no line breaks. */
function nameOf(change: Change): string {
  return `${objectOf(change)}\n${change.summary}`;
}

function objectOf({ kind, place, key }: Change): string {
  return `${kind}\n${place}\n${key}`;
}
