/** Permanent neighbour entries. What the kernel learned by itself is no object of ours. */
import { deleteNeighbour, replaceNeighbour } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Neighbour } from '../plan/objects.js';
import { sendEach } from './batch.js';
import type { OpenPlace } from './machine.js';
import { ownsDevice } from './ownership.js';
import { applying, diffObjects, objectOf, observing, type ObjectChange, type ObjectKind, type Reconciler } from './reconciler.js';

export type NeighbourChange = ObjectChange<'neighbour', Neighbour>;

const neighbours: ObjectKind<Neighbour, Neighbour> = {
  keyOf: ({ device, address }) => `${device} ${address}`,
  equal: (desired, observed) => desired.mac === observed.mac,
  describe: ({ device, address, mac }) => `neighbour ${address} lladdr ${mac} dev ${device}`,
  difference: (_desired, observed) => `(was ${observed.mac})`,
  deviceOf: ({ device }) => device,
};

export const neighbourReconciler: Reconciler<'neighbour', NeighbourChange> = {
  observe: observing(readNeighbours),
  diff: (pairs) => pairs.flatMap(({ desired, observed }) => diffObjects('neighbour', desired.place, neighbours, desired.neighbours, observed.neighbour)),
  apply: applying((open, changes) =>
    sendEach(open, changes, (change) => {
      const { device, address, mac } = objectOf(change);
      const subject = { linkIndex: open.indexOf(device), address };
      return [change.action === 'remove' ? deleteNeighbour(subject) : replaceNeighbour({ ...subject, macAddress: mac, state: 'permanent' })];
    }),
  ),
};

function readNeighbours(open: OpenPlace, plan: PlacePlan): Neighbour[] {
  return open
    .routes()
    .neighbours('inet')
    .filter(({ state }) => state === 'permanent')
    .map(({ linkIndex, address, macAddress }) => ({ device: open.nameOf(linkIndex), address, mac: macAddress ?? '' }))
    .filter(({ device }) => ownsDevice(plan, device));
}
