/** Sockets of this process that hold published ports. "Observed" is what this process holds. */
import { codeOf } from './errors.js';
import { portKey } from '../plan/fwmark.js';
import type { Placeholder } from '../plan/objects.js';
import type { Machine } from './machine.js';
import { programsListening } from './ports-held-by-others.js';
import { applying, diffObjects, objectOf, observing, tryEach, type ObjectChange, type ObjectKind, type Reconciler } from './reconciler.js';

export type PlaceholderChange = ObjectChange<'placeholder', Placeholder>;

/** Another program has the port; the mesh serves it all the same. */
export class PortHeldError extends Error {
  override readonly name = 'PortHeldError';
  constructor({ protocol, port }: Placeholder, holder: string) {
    super(`${protocol} port ${port} can't be held: ${holder} listens on it; stop it, or publish another port`);
  }
}

const placeholders: ObjectKind<Placeholder, Placeholder> = {
  keyOf: ({ protocol, port }) => portKey(protocol, port),
  equal: () => true,
  describe: ({ protocol, port }) => `placeholder ${protocol}/${port}`,
};

export const placeholderReconciler: Reconciler<'placeholder', PlaceholderChange> = {
  observe: observing((open, _plan, machine) => (open.place === 'host' ? machine.heldPorts.list() : [])),
  diff: (pairs) => pairs.flatMap(({ desired, observed }) => diffObjects('placeholder', desired.place, placeholders, desired.placeholders, observed.placeholder)),
  apply: applying((_open, changes, machine) =>
    tryEach(changes, (change) => {
      const placeholder = objectOf(change);
      if (change.action === 'remove') machine.heldPorts.release(placeholder);
      else hold(machine, placeholder);
    }),
  ),
};

/** @throws {PortHeldError} */
function hold(machine: Machine, placeholder: Placeholder): void {
  try {
    machine.heldPorts.hold(placeholder);
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    const holders = programsListening(machine.host, [placeholder]).get(`${placeholder.protocol}/${placeholder.port}`) ?? [];
    throw new PortHeldError(placeholder, holders.map(({ text }) => text).join(', ') || 'another program');
  }
}
