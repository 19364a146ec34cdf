/**
 * How much the controller insists on its turn. A real server that comes or goes is worth nothing when it is late: for that
 * it goes before the node's other programs. A service none of whose tasks runs yet is prepared for behind them, since the one
 * that it would take the processor from is mostly Docker, starting the very container that all is done for.
 *
 * Nothing else steps back, looks at the kernel neither: on a busy node what is urgent would wait until a turn that began
 * behind the others is over. (Tried: tasks that began beside 49 services were sent to after up to 1.8 s.)
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

/** Whether all that has changed in a state is of services none of whose tasks runs yet: that they are there, and which of their tasks are about to begin. */
export function beginsForNobodyYet(heard: ClusterState, state: ClusterState): boolean {
  const services = changesBetween(heard.services, state.services);
  const tasks = changesBetween(heard.tasks, state.tasks);
  const changed = [...tasks.removed, ...tasks.added];
  if (services.removed.length > 0 || !isSameList(heard.nodes, state.nodes) || changed.some(({ weight }) => weight > 0)) return false;
  const concerned = new Set([...services.added.map(({ id }) => id), ...changed.map(({ serviceId }) => serviceId)]);
  return concerned.size > 0 && !state.tasks.some(({ weight, serviceId }) => weight > 0 && concerned.has(serviceId));
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
