/**
 * How much the controller insists on its turn. A real server that comes or goes is worth nothing when it is late: for that
 * it goes before the node's other programs. What nobody waits for yet goes behind them, since the one that it would take
 * the processor from is mostly Docker, starting the very container that all is done for.
 */
import type { NodePlan } from '../plan/node-plan.js';
import { changesBetween } from '../sharing.js';

export interface Priority {
  /** Before the node's other programs. */
  raise(): void;
  /** Behind them. */
  lower(): void;
}

export const steadyPriority: Priority = { raise: () => undefined, lower: () => undefined };

/** Whether all that a plan does on top of another is to open ports that nobody serves yet: no real server comes or goes, no port closes, no task gets its cable. */
export function isForLater(known: Pick<NodePlan, 'ports' | 'places'>, next: Pick<NodePlan, 'ports' | 'places'>): boolean {
  const { removed, added } = changesBetween(known.ports, next.ports);
  const before = new Map(removed.map((port) => [port.fwmark, port]));
  let opened = 0;
  for (const { fwmark, backends } of added) {
    const old = before.get(fwmark);
    before.delete(fwmark);
    if (old === undefined) opened += 1;
    if (old === undefined ? backends.length > 0 : backends !== old.backends) return false;
  }
  return opened > 0 && before.size === 0 && known.places.length === next.places.length;
}
