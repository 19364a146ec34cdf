/** Which of its service's tasks take a port's connections. */
import type { Protocol, Task } from '../cluster/state.js';
import { findById } from '../sharing.js';
import type { PlanContext } from './context.js';
import type { Claim } from './ports.js';
import { noTasks, type TasksByService } from './tasks-by-service.js';

export interface Takers {
  readonly claims: readonly Claim[];
  readonly deadPeers: ReadonlySet<string>;
  /** Ids of services of which a task has not answered yet. */
  readonly waiting: ReadonlySet<string>;
  /** Indexes of each service's claims, by service id. */
  readonly places: ReadonlyMap<string, readonly number[]>;
  /** One list for each claim; the service's own list where all of its tasks take connections. */
  readonly takers: readonly (readonly Task[])[];
}

export function takersOf(last: Takers | undefined, claims: readonly Claim[], services: TasksByService, { deadPeers, unreachedTasks }: PlanContext): Takers {
  const waiting = new Set([...unreachedTasks].flatMap((id) => findById(services.tasks, id)?.serviceId ?? []));
  const takersFor = ({ service, port }: Claim): readonly Task[] => {
    const living = sparingDeadPeers(services.groups.get(service.id) ?? noTasks, deadPeers, port.protocol);
    return waiting.has(service.id) ? sparingUnreached(living, unreachedTasks) : living;
  };
  if (last?.claims !== claims || last.deadPeers !== deadPeers) {
    return { claims, deadPeers, waiting, places: last?.claims === claims ? last.places : placesOf(claims), takers: claims.map(takersFor) };
  }
  const takers = [...last.takers];
  for (const id of new Set([...services.changed, ...waiting, ...last.waiting])) {
    for (const place of last.places.get(id) ?? []) takers.splice(place, 1, ...claims.slice(place, place + 1).map(takersFor));
  }
  return { ...last, waiting, takers };
}

function placesOf(claims: readonly Claim[]): Takers['places'] {
  const places = new Map<string, number[]>();
  claims.forEach(({ service: { id } }, index) => {
    const own = places.get(id);
    if (own === undefined) places.set(id, [index]);
    else own.push(index);
  });
  return places;
}

/** A task to which its own node has not yet laid the cable gets no connections, unless there is nobody else. */
function sparingUnreached(tasks: readonly Task[], unreached: ReadonlySet<string>): readonly Task[] {
  if (!tasks.some(({ id }) => unreached.has(id)) || !tasks.some(({ id, weight }) => weight > 0 && !unreached.has(id))) return tasks;
  return tasks.map((task) => (unreached.has(task.id) ? { ...task, weight: 0 } : task));
}

/**
 * Tasks of peers that don't answer get no new connections, unless there is nobody else: to a peer that only seems dead
 * some get through, and nothing better is to be had.
 *
 * Connections that exist keep their real server, and go on if the peer comes back. A UDP flow would keep it too, for as
 * long as its client sends (ip_vs_in() of the kernel reschedules at weight 0 only what opens a connection), and all that
 * time nobody would get its datagrams: so for UDP the real server is taken out, and its flows go on with others at once.
 */
function sparingDeadPeers(tasks: readonly Task[], deadPeers: ReadonlySet<string>, protocol: Protocol): readonly Task[] {
  if (deadPeers.size === 0) return tasks;
  const living = tasks.filter(({ nodeId }) => !deadPeers.has(nodeId));
  if (living.length === tasks.length || !living.some(({ weight }) => weight > 0)) return tasks;
  return protocol === 'udp' ? living : tasks.map((task) => (deadPeers.has(task.nodeId) ? { ...task, weight: 0 } : task));
}
