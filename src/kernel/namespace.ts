/** Our two named network namespaces, under /run/netns as `ip netns` sees them. Those of tasks are only looked at. */
import { basename } from 'node:path';

import { changeLink, createNamedNamespace, deleteNamedNamespace } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import { asError } from './errors.js';
import type { Machine } from './machine.js';
import { ownsWholly } from './ownership.js';
import { tryEach, type ObjectChange, type PlacePair, type Reconciler } from './reconciler.js';
import type { ObservedNamespace } from './state.js';

export type NamespaceChange = ObjectChange<'namespace', { readonly path: string }, ObservedNamespace>;

export const namespaceReconciler: Reconciler<'namespace', NamespaceChange> = {
  observe: (machine, places, onError) => {
    const states = new Map<PlacePlan['place'], ObservedNamespace>();
    for (const { place } of places) {
      try {
        const open = machine.open(place);
        if (open !== undefined) states.set(place, { present: true, loopbackUp: open.links().some(({ name, isUp }) => name === 'lo' && isUp) });
      } catch (error) {
        onError(place, asError(error));
      }
    }
    return Promise.resolve(states);
  },
  diff: (pairs) => pairs.flatMap(diffNamespace),
  apply: (machine, changes) => Promise.resolve(tryEach(changes, (change) => { applyNamespace(machine, change); })),
};

function diffNamespace({ desired, observed }: PlacePair): NamespaceChange[] {
  if (!ownsWholly(desired) || desired.namespace === null) return [];
  const { path } = desired.namespace;
  const common = { kind: 'namespace', place: desired.place, key: path, desired: { path }, device: null } as const;
  const name = basename(path);
  if (!observed.namespace.present) return [{ ...common, action: 'add', summary: `network namespace ${name}`, observed: null }];
  if (observed.namespace.loopbackUp) return [];
  return [{ ...common, action: 'change', summary: `network namespace ${name}: loopback up`, observed: observed.namespace }];
}

function applyNamespace(machine: Machine, change: NamespaceChange): void {
  const name = basename(change.key);
  if (change.action === 'remove') {
    deleteNamedNamespace(name);
    return;
  }
  if (change.action === 'add' && machine.open(change.place) === undefined) createNamedNamespace(name);
  const open = machine.require(change.place);
  open.routes().execute([changeLink('lo', { isUp: true })]);
  open.forgetLinks();
}
