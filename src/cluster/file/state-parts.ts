/** The state of a cluster file, put together of its services, and kept up with those that change. */
import { isDeepStrictEqual } from 'node:util';
import { isSameList, placeOfId, splice } from '../../sharing.js';
import type { Condition } from '../condition.js';
import { byId } from '../sorting.js';
import type { ClusterState, Service, Task } from '../state.js';
import type { ServicePart } from './part-reader.js';

/** So many parts at once are sorted in anew: putting each in its place would cost more. */
const many = 100;

/** Two endpoints are known by one address. */
export class SharedAddressError extends Error {
  override readonly name = 'SharedAddressError';
  constructor(readonly address: string, readonly offset: number) {
    super(`${address} is an endpoint already`);
  }
}

export class StateParts {
  private readonly parts = new Map<string, ServicePart>();
  /** Of the parts, those with conditions. */
  private readonly troubled = new Map<string, ServicePart>();
  private readonly addresses = new Set<string>();
  private services: readonly Service[] = [];
  private tasks: readonly Task[] = [];
  private conditions: readonly Condition[] = [];

  /** @throws {SharedAddressError}; then all of this is to be thrown away. */
  replace(gone: readonly string[], changed: readonly ServicePart[]): Omit<ClusterState, 'nodes'> {
    const before = new Map([...gone, ...changed.map(({ id }) => id)].flatMap((id) => {
      const part = this.parts.get(id);
      return part === undefined ? [] : [[id, part]];
    }));
    for (const part of before.values()) this.forget(part);
    for (const part of changed) this.remember(part);
    if (before.size + changed.length > many) this.sortAll();
    else {
      for (const id of gone) this.put(before.get(id), undefined);
      for (const part of changed) this.put(before.get(part.id), part);
    }
    return { services: this.services, tasks: this.tasks, conditions: this.conditions };
  }

  private forget(part: ServicePart): void {
    this.parts.delete(part.id);
    for (const { address } of part.addresses) this.addresses.delete(address);
    if (this.troubled.delete(part.id)) this.gatherConditions();
  }

  private remember(part: ServicePart): void {
    this.parts.set(part.id, part);
    for (const { address, offset } of part.addresses) {
      if (this.addresses.has(address)) throw new SharedAddressError(address, offset);
      this.addresses.add(address);
    }
    if (part.conditions.length === 0) return;
    this.troubled.set(part.id, part);
    this.gatherConditions();
  }

  private gatherConditions(): void {
    this.conditions = [...this.troubled.values()].sort(byId).flatMap(({ conditions }) => conditions);
  }

  private sortAll(): void {
    const parts = [...this.parts.values()];
    this.services = parts.flatMap(({ services }) => services).sort(byId);
    this.tasks = parts.flatMap(({ tasks }) => tasks).sort(byId);
  }

  /** In place of the part before; a task that stays as it was stays the same object. */
  private put(before: ServicePart | undefined, now: ServicePart | undefined): void {
    const services = (now?.services ?? []).map((service) => sameAs(before?.services ?? [], service));
    const tasks = (now?.tasks ?? []).map((task) => sameAs(before?.tasks ?? [], task));
    this.services = withRun(this.services, before?.services ?? [], services);
    this.tasks = withRun(this.tasks, before?.tasks ?? [], tasks);
    if (now !== undefined) this.parts.set(now.id, { ...now, services, tasks });
  }
}

function sameAs<Item extends { readonly id: string }>(before: readonly Item[], item: Item): Item {
  return before.find((other) => other.id === item.id && isDeepStrictEqual(other, item)) ?? item;
}

/** A service's objects stand together: the ids of its tasks begin with its own. */
function withRun<Item extends { readonly id: string }>(list: readonly Item[], before: readonly Item[], now: readonly Item[]): readonly Item[] {
  const [first] = before.length > 0 ? before : now;
  const start = first === undefined ? 0 : placeOfId(list, first.id);
  return isSameList(list.slice(start, start + before.length), now) ? list : splice(list, start, start + before.length, now);
}
