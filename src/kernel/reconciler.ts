/** The three verbs that each kind of kernel object has, and what is common to their making. */
import { performance } from 'node:perf_hooks';
import { nextTurn } from '../next-turn.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import type { Action, Change, Kind } from './change.js';
import { asError } from './errors.js';
import type { Machine, OpenPlace } from './machine.js';
import type { KernelChange } from './reconcilers.js';
import type { PlaceState, StateByKind } from './state.js';

/** A place as it should be and as it is. */
export interface PlacePair {
  readonly desired: PlacePlan;
  readonly observed: PlaceState;
}

/** A change of one kind with the objects that it takes from and to. */
export interface ObjectChange<K extends Kind, Desired, Observed = Desired> extends Change {
  readonly kind: K;
  /** Null when it is removed. */
  readonly desired: Desired | null;
  /** Null when it is added. */
  readonly observed: Observed | null;
  /** Network device that the object is on, if it is on one. */
  readonly device: string | null;
}

/** The object that a change is about: as it should be, or as it was when it is removed. */
export function objectOf<Desired, Observed>({ desired, observed }: { readonly desired: Desired | null; readonly observed: Observed | null }): Desired | Observed {
  const object = desired ?? observed;
  if (object === null) throw new TypeError('a change of nothing into nothing');
  return object;
}

/** A change that could not be made. Of a hundred thousand mostly none: what was done is all the rest. */
export interface Refusal {
  readonly change: KernelChange;
  readonly error: Error;
}

export interface Reconciler<K extends Kind, C extends Change = Change> {
  /**
   * Reads the places. One that is not there, or could not be read (`onError`), is left out of the map. What takes long
   * gives other work its turn meanwhile, and rejects with the signal's reason once that aborts.
   */
  observe(machine: Machine, places: readonly PlacePlan[], onError: (place: Place, error: Error) => void, signal?: AbortSignal): Promise<ReadonlyMap<Place, StateByKind[K]>>;
  /** Pure. */
  diff(pairs: readonly PlacePair[]): C[];
  /** Tries every change, and gives those that failed. `teardown`: the changes are removals. Never rejects for what the kernel refuses. */
  apply(machine: Machine, changes: readonly C[], options: { readonly teardown: boolean }): Promise<Refusal[]>;
}

/** After so many milliseconds of reading other work has its turn: what a task's start calls for does not wait for a look at fifty others. */
const longestTurn = 10;

/** Observes place by place, what needs no other place to be understood. */
export function observing<T>(read: (open: OpenPlace, plan: PlacePlan, machine: Machine, signal?: AbortSignal) => T | Promise<T>) {
  return async (machine: Machine, places: readonly PlacePlan[], onError: (place: Place, error: Error) => void, signal?: AbortSignal): Promise<Map<Place, T>> => {
    const states = new Map<Place, T>();
    const observe = async (plan: PlacePlan): Promise<void> => {
      const open = machine.open(plan.place);
      if (open === undefined) return;
      try {
        states.set(plan.place, await read(open, plan, machine, signal));
      } catch (error) {
        if (signal?.aborted !== true) onError(plan.place, asError(error));
      }
    };
    const reading: Promise<void>[] = [];
    let began = performance.now();
    for (const plan of places) {
      reading.push(observe(plan));
      if (performance.now() - began < longestTurn) continue;
      await nextTurn(signal);
      began = performance.now();
    }
    await Promise.all(reading);
    signal?.throwIfAborted();
    return states;
  };
}

/** Applies place by place; a place that is not there fails each of its changes. */
export function applying<C extends KernelChange>(write: (open: OpenPlace, changes: readonly C[], machine: Machine, teardown: boolean) => Refusal[] | Promise<Refusal[]>) {
  return async (machine: Machine, changes: readonly C[], options: { readonly teardown: boolean }): Promise<Refusal[]> => {
    const refusals: Refusal[] = [];
    for (const [place, ofPlace] of groupBy(changes, (change) => change.place)) {
      try {
        // One by one: a call takes only so many arguments.
        for (const refusal of await write(machine.require(place), ofPlace, machine, options.teardown)) refusals.push(refusal);
      } catch (error) {
        for (const change of ofPlace) refusals.push({ change, error: asError(error) });
      }
    }
    return refusals;
  };
}

/** Each change by itself, and whatever it throws. */
export function tryEach<C extends KernelChange>(changes: readonly C[], make: (change: C) => void): Refusal[] {
  const refusals: Refusal[] = [];
  for (const change of changes) {
    try {
      make(change);
    } catch (error) {
      refusals.push({ change, error: asError(error) });
    }
  }
  return refusals;
}

/** How objects of one kind are told apart, compared and named. */
export interface ObjectKind<Desired, Observed> {
  keyOf(object: Desired | Observed): string;
  equal(desired: Desired, observed: Observed): boolean;
  /** `route 10.0.0.5/32 dev task-abc`. */
  describe(object: Desired | Observed): string;
  /** What differs, for the summary of a change: `weight 1 → 0`. */
  difference?(desired: Desired, observed: Observed): string;
  deviceOf?(object: Desired | Observed): string | null;
}

/** Its words are made when they are asked for: of a hundred thousand changes nobody reads them. */
class ListedChange<K extends Kind, Desired, Observed> implements ObjectChange<K, Desired, Observed> {
  constructor(
    readonly kind: K,
    readonly place: Place,
    readonly action: Action,
    readonly desired: Desired | null,
    readonly observed: Observed | null,
    private readonly objects: ObjectKind<Desired, Observed>,
  ) {}

  get key(): string {
    return this.objects.keyOf(objectOf(this));
  }

  get summary(): string {
    const text = this.objects.describe(objectOf(this));
    const detail = this.desired !== null && this.observed !== null ? this.objects.difference?.(this.desired, this.observed) : undefined;
    return detail === undefined ? text : `${text} ${detail}`;
  }

  get device(): string | null {
    return this.objects.deviceOf?.(objectOf(this)) ?? null;
  }
}

/** Desired and observed objects of one place, compared by key. */
export function diffObjects<K extends Kind, Desired, Observed>(
  kind: K,
  place: Place,
  objects: ObjectKind<Desired, Observed>,
  desired: readonly Desired[],
  observed: readonly Observed[],
): ObjectChange<K, Desired, Observed>[] {
  const change = (action: Action, wanted: Desired | null, found: Observed | null): ObjectChange<K, Desired, Observed> =>
    new ListedChange(kind, place, action, wanted, found, objects);

  const wanted = new Map(desired.map((object) => [objects.keyOf(object), object]));
  const found = new Map<string, Observed>();
  const changes: ObjectChange<K, Desired, Observed>[] = [];
  for (const object of observed) {
    const key = objects.keyOf(object);
    if (wanted.has(key) && !found.has(key)) found.set(key, object);
    else changes.push(change('remove', null, object));
  }
  for (const [key, object] of wanted) {
    const existing = found.get(key);
    if (existing === undefined) changes.push(change('add', object, null));
    else if (!objects.equal(object, existing)) changes.push(change('change', object, existing));
  }
  return changes;
}

export function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
