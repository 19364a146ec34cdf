/**
 * Strangers who knock are told to the log once for each reason and address in a while, not at each attempt, and who
 * comes from ever new addresses can't fill the memory.
 */
import { quoteForPeople } from '../cluster/condition.js';
import type { Logger } from '../log.js';

const windowMilliseconds = 10 * 60_000;
const mostRemembered = 256;

export class RefusalLog {
  /** By reason and address, the oldest first. */
  private readonly seen = new Map<string, { since: number; more: number }>();

  constructor(private readonly logger: Logger, private readonly now: () => number = () => performance.now()) {}

  refuse(reason: string, address: string): void {
    const key = `${reason} ${address}`;
    const before = this.seen.get(key);
    if (before !== undefined && this.now() - before.since < windowMilliseconds) {
      before.more += 1;
      return;
    }
    this.seen.delete(key);
    this.seen.set(key, { since: this.now(), more: 0 });
    for (const oldest of this.seen.keys()) {
      if (this.seen.size <= mostRemembered) break;
      this.seen.delete(oldest);
    }
    const repeated = before === undefined || before.more === 0 ? {} : { alsoSinceLastTold: before.more };
    this.logger.warn('The relay refused a connection', { reason, address: quoteForPeople(address).slice(1, -1), ...repeated });
  }
}
