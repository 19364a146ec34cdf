/**
 * What IPVS is told at once, beside whatever sync is running, and how the next sync learns of it. Real servers that must
 * take no more connections: a task that stops listens only a moment longer, and what is sent to it then is lost; a dead
 * peer answers nothing at all. And those that may take some now, where nothing else is left to be done: of a task that
 * was awaited all else is there.
 *
 * INVARIANT: what was told is told of by the first sync that ends afterwards, once.
 */
import type { Change } from '../kernel/change.js';
import { closedMarks, isOfClosedPort } from '../kernel/order.js';
import { stillWanted } from '../kernel/repair.js';
import type { NodePlan } from '../plan/node-plan.js';
import type { MeshKernel } from './mesh-kernel.js';

export class AtOnce {
  /** Since the last sync began, and the plan that asked for it. */
  private told: { readonly plan: NodePlan; readonly changes: readonly Change[] } | null = null;

  constructor(private readonly kernel: Pick<MeshKernel, 'differInIpvsAlone' | 'ipvsDifferenceFrom' | 'applyAtOnce'>) {}

  /** `applied`: what the kernel holds but for what it was told already. Whether there was anything to tell. */
  tell(applied: NodePlan, soon: NodePlan): boolean {
    const already = this.told?.changes ?? [];
    const done = namesOf(already);
    // A port that closes is none of these: its DNAT goes first.
    const closed = closedMarks(soon);
    const changes = this.kernel
      .ipvsDifferenceFrom(applied, soon)
      .filter((change) => !isOfClosedPort(change, closed) && !done.has(nameOf(change)));
    const isAdded = ({ action }: Change): boolean => action === 'add';
    // A new service never is alone: there is no need to compare all else.
    const addsServices = changes.some((change) => isAdded(change) && change.subject.type === 'service');
    const mayAdd = !addsServices && changes.some(isAdded) && this.kernel.differInIpvsAlone(applied, soon);
    const urgent = mayAdd ? changes : changes.filter((change) => !isAdded(change));
    this.told = { plan: soon, changes: [...already, ...(urgent.length === 0 ? [] : this.kernel.applyAtOnce(urgent))] };
    return urgent.length > 0;
  }

  /** A sync begins, whose plan asks for all that was told. */
  take(): readonly Change[] {
    const changes = this.told?.changes ?? [];
    this.told = null;
    return changes;
  }

  /** They were done, and the sync that would have told of them has given up. */
  putBack(changes: readonly Change[], plan: NodePlan): void {
    if (changes.length > 0) this.told = { plan: this.told?.plan ?? plan, changes: [...changes, ...(this.told?.changes ?? [])] };
  }

  /** A look for `plan` has found these: without those that undo what was told meanwhile. */
  without(changes: readonly Change[], plan: NodePlan): readonly Change[] {
    return this.told === null ? changes : stillWanted(changes, plan, this.told.plan);
  }
}

/** All that was done, each once. */
export function joined(told: readonly Change[], applied: readonly Change[]): readonly Change[] {
  if (told.length === 0) return applied;
  const done = namesOf(told);
  return [...told, ...applied.filter((change) => !done.has(nameOf(change)))];
}

function namesOf(changes: readonly Change[]): ReadonlySet<string> {
  return new Set(changes.map(nameOf));
}

/** The same for what does the same; summaries have no line breaks. */
function nameOf({ kind, place, key, summary }: Change): string {
  return [kind, place, key, summary].join('\n');
}
