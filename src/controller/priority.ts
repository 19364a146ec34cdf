/**
 * How much the controller insists on its turn. A real server that comes or goes is worth nothing when it is late: for that
 * it goes before the node's other programs. What nobody waits for yet goes behind them, since the one that it would take
 * the processor from is mostly Docker, starting the very container that all is done for.
 */
import type { ClusterState } from '../cluster/state.js';
import type { NodePlan } from '../plan/node-plan.js';
import { changesBetween, isSameList } from '../sharing.js';

export interface Priority {
  /** Before the node's other programs. */
  raise(): void;
  /** Behind them. */
  lower(): void;
}

export const steadyPriority: Priority = { raise: () => undefined, lower: () => undefined };

/** Whether what has changed in a state is about nobody who takes connections, or is to take none any more. */
export function servesNobodyYet(heard: ClusterState, state: ClusterState): boolean {
  const tasks = changesBetween(heard.tasks, state.tasks);
  const services = changesBetween(heard.services, state.services);
  const changed = new Set([...services.removed, ...services.added].map(({ id }) => id));
  const touched = [...tasks.removed, ...tasks.added];
  if (changed.size === 0 && touched.length === 0) return false;
  return isSameList(heard.nodes, state.nodes) && touched.every(({ weight }) => weight === 0) && (changed.size === 0 || !state.tasks.some(({ serviceId, weight }) => weight > 0 && changed.has(serviceId)));
}

/** Whether all that a plan does on top of another is to open ports that nobody serves yet: no real server comes or goes, no port closes, no task gets its cable. */
export function opensForNobodyYet(known: Pick<NodePlan, 'ports' | 'places'>, next: Pick<NodePlan, 'ports' | 'places'>): boolean {
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
