/** The last lists of Docker, and how parts of them are brought up to date. What is as it was stays the same object. */
import { isDeepStrictEqual } from 'node:util';
import { isSameList } from '../../sharing.js';
import { byId } from '../sorting.js';
import type { DockerClient } from './client.js';
import { DockerAnswerError } from './errors.js';
import { textOf } from './json.js';
import type { RawCluster, RawObject } from './raw.js';

/** What to list anew: the nodes, or single services with their tasks, or all but the networks, or everything. */
export type LookScope =
  | { readonly kind: 'nodes' }
  | { readonly kind: 'services'; readonly ids: ReadonlySet<string> }
  | { readonly kind: 'cluster' }
  | { readonly kind: 'everything' };

export async function look(client: DockerClient, scope: LookScope, before: RawCluster | null, signal: AbortSignal): Promise<RawCluster> {
  if (before === null || scope.kind === 'everything') {
    const [services, tasks, nodes, networks] = await Promise.all([
      client.services(signal), client.tasks(signal), client.nodes(signal), client.swarmNetworks(signal),
    ]);
    return {
      services: inOrder(before?.services, services), tasks: inOrder(before?.tasks, tasks),
      nodes: inOrder(before?.nodes, nodes), networks,
    };
  }
  if (scope.kind === 'nodes') return { ...before, nodes: inOrder(before.nodes, await client.nodes(signal)) };
  if (scope.kind === 'services') {
    const looked = await lookAtServices(client, scope.ids, before, signal);
    if (looked !== null) return looked;
  }
  const [services, tasks, nodes] = await Promise.all([client.services(signal), client.tasks(signal), client.nodes(signal)]);
  return {
    ...before,
    services: inOrder(before.services, services), tasks: inOrder(before.tasks, tasks), nodes: inOrder(before.nodes, nodes),
  };
}

/** Null when a service went away meanwhile: Docker answers 404 for the tasks of a service that it does not know. */
async function lookAtServices(client: DockerClient, ids: ReadonlySet<string>, before: RawCluster, signal: AbortSignal): Promise<RawCluster | null> {
  // Docker's id filter matches prefixes: only what was asked for is taken.
  const services = (await client.services(signal, { id: [...ids] })).filter((service) => ids.has(textOf(service, 'ID') ?? ''));
  const present = services.map((service) => textOf(service, 'ID') ?? '');
  try {
    const tasks = present.length === 0 ? [] : await client.tasks(signal, { service: present });
    return {
      ...before,
      services: replaced(before.services, services, (service) => ids.has(textOf(service, 'ID') ?? '')),
      tasks: replaced(before.tasks, tasks, (task) => ids.has(textOf(task, 'ServiceID') ?? '')),
    };
  } catch (error) {
    if (error instanceof DockerAnswerError && error.statusCode === 404) return null;
    throw error;
  }
}

function replaced(before: readonly RawObject[], now: readonly RawObject[], isAsked: (object: RawObject) => boolean): readonly RawObject[] {
  return inOrder(before, [...before.filter((object) => !isAsked(object)), ...now.filter(isAsked)]);
}

/** In one order, and made of the objects of before wherever they say the same: the list of before itself where all do. */
function inOrder(before: readonly RawObject[] | undefined, objects: readonly RawObject[]): readonly RawObject[] {
  const known = new Map(before?.map((object) => [textOf(object, 'ID') ?? '', object]));
  const keyed = objects.map((object) => {
    const id = textOf(object, 'ID') ?? '';
    const then = known.get(id);
    return { id, object: isDeepStrictEqual(then, object) ? then : object };
  });
  const now = keyed.sort(byId).map(({ object }) => object);
  return before !== undefined && isSameList(before, now) ? before : now;
}

/** What has to be looked at, gathered until there is time for it. */
export class PendingLook {
  private scope: LookScope | null = null;
  private reasons = new Set<string>();

  add(scope: LookScope, reason: string): void {
    this.scope = this.scope === null ? scope : wider(this.scope, scope);
    this.reasons.add(reason);
  }

  get isEmpty(): boolean {
    return this.scope === null;
  }

  take(): { scope: LookScope; reason: string } | null {
    if (this.scope === null) return null;
    const taken = { scope: this.scope, reason: [...this.reasons].join(', ') };
    this.scope = null;
    this.reasons = new Set();
    return taken;
  }
}

function wider(one: LookScope, other: LookScope): LookScope {
  if (one.kind === 'nodes' && other.kind === 'nodes') return one;
  if (one.kind === 'services' && other.kind === 'services') return { kind: 'services', ids: new Set([...one.ids, ...other.ids]) };
  return one.kind === 'everything' || other.kind === 'everything' ? { kind: 'everything' } : { kind: 'cluster' };
}
