/**
 * What managers and their followers say to each other, over HTTPS with certificates on both sides (docs/relay.md).
 *
 * GET /v1/state                     the whole state, and where in the manager's history it stands
 * GET /v1/watch?epoch=E&after=R     lines of JSON without an end: what changed after revision R, and heartbeats;
 *                                   410 when the history starts later, or is another one: list again
 * POST /v1/news                     lines of JSON without an end, each answered by a line: what a node knows of its own
 *                                   tasks before its manager's Docker does, whole: it takes the place of what that node
 *                                   said before, and is forgotten when it is not repeated
 *
 * A history (an epoch) begins with the server's process; each change of the state is one revision of it.
 */
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { byId } from '../sorting.js';
import { conditionSchema, findInconsistency, nodeSchema, serviceSchema, stateSchema, taskSchema } from '../state-schema.js';
import type { ClusterState } from '../state.js';

export const statePath = '/v1/state';
export const watchPath = '/v1/watch';
export const newsPath = '/v1/news';

/** The media type of lines of JSON. */
export const linesType = 'application/x-ndjson; charset=utf-8';

/** How often a manager says that it is alive, in milliseconds; and after how long a silence a follower leaves it. */
export const heartbeatMilliseconds = 3_000;
export const silenceMilliseconds = 10_000;

/** After how long a silence a manager closes a connection by which news came, in milliseconds. */
export const newsSilenceMilliseconds = 150_000;

/** In bytes. A cluster of thousands of tasks is some megabytes. */
export const longestState = 128 * 1024 * 1024;
export const longestLine = 32 * 1024 * 1024;
export const longestNews = 256 * 1024;
export const longestHeard = 100;

/** Times of changes that go with one line. */
export const mostChangeTimes = 1_000;

const lists = ['nodes', 'services', 'tasks'] as const;

const epochSchema = z.string().regex(/^[0-9a-f]{32}$/);
const revisionSchema = z.int().min(1);
const idList = z.array(z.string().min(1).max(255)).max(500_000);

const listingSchema = z.strictObject({ epoch: epochSchema, revision: revisionSchema, available: z.boolean(), state: stateSchema });

const changeSchema = z.strictObject({
  type: z.literal('change'),
  revision: revisionSchema,
  changed: z.strictObject({ nodes: z.array(nodeSchema), services: z.array(serviceSchema), tasks: z.array(taskSchema) }),
  removed: z.strictObject({ nodes: idList, services: idList, tasks: idList }),
  /** Conditions have no id: they come whole where they changed. */
  conditions: z.array(conditionSchema).exactOptional(),
  /** When what has changed was changed, in milliseconds since 1970, as far as Docker tells: for measuring, not for serving. */
  changedAt: z.array(z.int().min(0)).max(mostChangeTimes).exactOptional(),
});

const heartbeatSchema = z.strictObject({ type: z.literal('heartbeat'), revision: revisionSchema, available: z.boolean() });

const lineSchema = z.discriminatedUnion('type', [changeSchema, heartbeatSchema]);

/** Of one node, so few that nobody is kept busy. */
const taskList = z.array(z.string().regex(/^[A-Za-z0-9]{1,64}$/)).max(2_000);

const newsSchema = z.strictObject({ gone: taskList, running: taskList });

const heardSchema = z.strictObject({ heard: z.int().min(1) });

/** `available`: the manager's own Docker answers; false: the state is the last good one. */
export type Listing = z.infer<typeof listingSchema>;
export type Change = z.infer<typeof changeSchema>;
export type Line = z.infer<typeof lineSchema>;
/** Ids of tasks whose container has died, and of tasks about to run whose container does, healthy where it can tell. */
export type News = z.infer<typeof newsSchema>;

/** How many lines of news a manager has heard on this connection. */
export type Heard = z.infer<typeof heardSchema>;

export const noNews: News = { gone: [], running: [] };

export function isEmptyNews({ gone, running }: News): boolean {
  return gone.length === 0 && running.length === 0;
}

/** What a peer sent is not of this protocol: whoever sends it is not listened to. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** Throws ProtocolError. */
export function parseListing(text: string): Listing {
  const listing = check(listingSchema, text, 'state');
  const odd = findInconsistency(listing.state);
  if (odd !== null) throw new ProtocolError(`its state is not one of ours: ${odd}`);
  return listing;
}

/** Throws ProtocolError. */
export function parseLine(text: string): Line {
  return check(lineSchema, text, 'line');
}

/** Throws ProtocolError. */
export function parseNews(text: string): News {
  return check(newsSchema, text, 'news');
}

/** Throws ProtocolError. */
export function parseHeard(text: string): Heard {
  return check(heardSchema, text, 'answer to news');
}

function check<Value>(schema: z.ZodType<Value>, text: string, what: string): Value {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ProtocolError(`its ${what} is not JSON`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ProtocolError(`its ${what} is not one of ours: ${issue?.message ?? 'odd'} at ${issue?.path.join('.') ?? ''}`.slice(0, 300));
}

/** What leads from one state to the next. */
export function changeBetween(before: ClusterState, after: ClusterState, revision: number, changedAt: readonly number[] = []): Change {
  const parts = lists.map((list) => [list, difference<{ readonly id: string }>(before[list], after[list])] as const);
  return {
    type: 'change',
    revision,
    changed: Object.fromEntries(parts.map(([list, { changed }]) => [list, changed])) as unknown as Change['changed'],
    removed: Object.fromEntries(parts.map(([list, { removed }]) => [list, removed])) as unknown as Change['removed'],
    ...(isDeepStrictEqual(before.conditions, after.conditions) ? {} : { conditions: [...after.conditions] }),
    ...(changedAt.length === 0 ? {} : { changedAt: changedAt.slice(-mostChangeTimes).map(Math.round) }),
  };
}

function difference<Item extends { readonly id: string }>(before: readonly Item[], after: readonly Item[]): { changed: Item[]; removed: string[] } {
  const old = new Map(before.map((item) => [item.id, item]));
  const kept = new Set(after.map(({ id }) => id));
  return {
    changed: after.filter((item) => !isDeepStrictEqual(old.get(item.id), item)),
    removed: before.filter(({ id }) => !kept.has(id)).map(({ id }) => id),
  };
}

/** The state after the change. Throws ProtocolError when the two do not fit. */
export function applyChange(before: ClusterState, change: Change): ClusterState {
  const after: ClusterState = {
    nodes: merge('nodes', before.nodes, change.changed.nodes, change.removed.nodes),
    services: merge('services', before.services, change.changed.services, change.removed.services),
    tasks: merge('tasks', before.tasks, change.changed.tasks, change.removed.tasks),
    conditions: change.conditions ?? before.conditions,
  };
  // Each object was checked when its line was read; what is left is how they fit together.
  const odd = findInconsistency(after);
  if (odd !== null) throw new ProtocolError(`its change leads to a state that is not one of ours: ${odd}`);
  return after;
}

function merge<Item extends { readonly id: string }>(list: string, before: readonly Item[], changed: readonly Item[], removed: readonly string[]): Item[] {
  const items = new Map(before.map((item) => [item.id, item]));
  for (const id of removed) {
    if (!items.delete(id)) throw new ProtocolError(`its change removes one of the ${list} that is not there`);
  }
  for (const item of changed) items.set(item.id, item);
  return [...items.values()].sort(byId);
}
