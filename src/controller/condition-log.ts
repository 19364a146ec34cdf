/** Keeps the conditions as they are now and tells the log when one comes or goes. */
import { conditionKey, type Condition } from '../cluster/condition.js';
import type { Logger } from '../log.js';

export class ConditionLog {
  private current = new Map<string, Condition>();

  constructor(private readonly logger: Logger) {}

  replace(conditions: readonly Condition[]): void {
    const next = new Map(conditions.map((condition) => [conditionKey(condition), condition]));
    for (const [key, condition] of next) {
      if (!this.current.has(key)) this.logger.warn(`${describe(condition)}: ${condition.message}`, { reason: condition.reason });
    }
    for (const [key, condition] of this.current) {
      if (!next.has(key)) this.logger.info(`${describe(condition)}: no longer so`, { reason: condition.reason, was: condition.message });
    }
    this.current = next;
  }

  list(): Condition[] {
    return [...this.current.values()];
  }
}

function describe({ object }: Condition): string {
  return `${object.kind} ${object.name}`;
}
