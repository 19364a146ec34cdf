/** Docker tells nothing of its tasks by itself: how soon to ask again. Pure. */
import { field, idOf, numberOf, textOf } from './json.js';
import type { RawCluster, RawObject } from './raw.js';

/** Task states before `running`, in swarmkit's order (api/types.proto, TaskState). */
const startingStates: ReadonlySet<string> = new Set(['new', 'allocated', 'pending', 'assigned', 'accepted', 'preparing', 'ready', 'starting']);

/** `ready`: it runs once the restart delay is over, or the task before it has stopped. */
const desiredLives: ReadonlySet<string> = new Set(['accepted', 'ready', 'running']);

/** Ids of the services whose tasks are about to change. */
export function convergingServices(raw: RawCluster): Set<string> {
  const converging = new Set<string>();
  const wanted = new Map<string, number>();
  for (const task of raw.tasks) {
    const serviceId = idOf(task, 'ServiceID');
    if (serviceId === null) continue;
    const state = textOf(task, 'Status', 'State') ?? '';
    const desired = textOf(task, 'DesiredState') ?? '';
    if (desired === 'running') wanted.set(serviceId, (wanted.get(serviceId) ?? 0) + 1);
    const isStopping = state === 'running' && desired !== 'running';
    const isStarting = startingStates.has(state) && desiredLives.has(desired);
    if (isStopping || isStarting) converging.add(serviceId);
  }
  for (const service of raw.services) {
    const id = idOf(service, 'ID');
    if (id !== null && (isUpdating(service) || lacksTasks(service, wanted.get(id) ?? 0) || lacksPorts(service))) converging.add(id);
  }
  return converging;
}

function isUpdating(service: RawObject): boolean {
  const state = textOf(service, 'UpdateStatus', 'State');
  return state === 'updating' || state === 'rollback_started';
}

function lacksTasks(service: RawObject, wanted: number): boolean {
  const replicas = numberOf(service, 'Spec', 'Mode', 'Replicated', 'Replicas');
  return replicas !== null && replicas !== wanted;
}

/** Wants ports of Swarm that the allocator has not granted yet. */
function lacksPorts(service: RawObject): boolean {
  const count = (value: unknown) => (Array.isArray(value) ? value.length : 0);
  return count(field(service, 'Spec', 'EndpointSpec', 'Ports')) !== count(field(service, 'Endpoint', 'Ports'));
}

export interface PollIntervals {
  /** Milliseconds between looks at services that converge. */
  readonly fast: number;
  /** Milliseconds between looks when nothing moves. */
  readonly slow: number;
  /** The same, while the event stream is broken. */
  readonly blind: number;
  /** Milliseconds between questions whether Docker still answers, while its streams tell of all that changes. */
  readonly told: number;
  /** After an event all goes fast for so long: its tasks come a moment later. */
  readonly hot: number;
  /** Everything is listed anew, networks too. */
  readonly resync: number;
}

export const defaultPollIntervals: PollIntervals = { fast: 250, slow: 5_000, blind: 1_000, told: 15_000, hot: 3_000, resync: 60_000 };

/** A task may wait for ever (no node fits it): what has been quiet for long is asked after less and less. */
const patience = 40;

export function fastInterval(quietMilliseconds: number, { fast, slow }: PollIntervals): number {
  return Math.min(slow, Math.max(fast, quietMilliseconds / patience));
}
