/** Keeps the conditions as they are now; each is an event when it comes and when it goes. */
import { conditionKey, type Condition, type ConditionReason } from '../cluster/condition.js';
import type { EventRecorder } from '../event.js';
import { isSameList } from '../sharing.js';

/** Told as they happen by those who see them, in more words; not once more when the next sync has ended. */
const toldAtOnce: ReadonlySet<ConditionReason> = new Set<ConditionReason>(['PeerUnreachable', 'SourceUnavailable']);

export class ConditionLog {
  private current = new Map<string, Condition>();
  private given: readonly Condition[] = [];

  constructor(private readonly events: EventRecorder) {}

  replace(conditions: readonly Condition[]): void {
    if (isSameList(conditions, this.given)) return;
    this.given = conditions;
    const next = new Map(conditions.map((condition) => [conditionKey(condition), condition]));
    for (const [key, condition] of next) if (!this.current.has(key)) this.tellCome(condition);
    for (const [key, condition] of this.current) if (!next.has(key)) this.tellGone(condition);
    this.current = next;
  }

  list(): Condition[] {
    return [...this.current.values()];
  }

  private tellCome({ reason, object, message }: Condition): void {
    if (!toldAtOnce.has(reason)) this.events.warning(reason, object, message);
  }

  private tellGone({ reason, object, message }: Condition): void {
    if (!toldAtOnce.has(reason)) this.events.normal('Resolved', object, `no longer ${reason}: ${message}`);
  }
}
