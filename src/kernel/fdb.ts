/** Forwarding entries of VXLAN devices: behind which node each hardware address is. */
import { deleteForwardingEntry, replaceForwardingEntry } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { ForwardingEntry } from '../plan/objects.js';
import { sendEach } from './batch.js';
import type { OpenPlace } from './machine.js';
import { ownsWholly } from './ownership.js';
import { applying, diffObjects, objectOf, observing, type ObjectChange, type ObjectKind, type Reconciler } from './reconciler.js';

export type FdbChange = ObjectChange<'fdb', ForwardingEntry>;

const entries: ObjectKind<ForwardingEntry, ForwardingEntry> = {
  keyOf: ({ device, mac }) => `${device} ${mac}`,
  equal: (desired, observed) => desired.destination === observed.destination,
  describe: ({ device, mac, destination }) => `fdb ${mac} dev ${device} dst ${destination}`,
  difference: (_desired, observed) => `(was dst ${observed.destination})`,
  deviceOf: ({ device }) => device,
};

export const fdbReconciler: Reconciler<'fdb', FdbChange> = {
  observe: observing(readEntries),
  diff: (pairs) => pairs.flatMap(({ desired, observed }) => diffObjects('fdb', desired.place, entries, desired.forwarding, observed.fdb)),
  apply: applying((open, changes) =>
    sendEach(open, changes, (change) => {
      const { device, mac, destination } = objectOf(change);
      const subject = { linkIndex: open.indexOf(device), macAddress: mac };
      return [change.action === 'remove' ? deleteForwardingEntry(destination === '' ? subject : { ...subject, destination }) : replaceForwardingEntry({ ...subject, destination, state: 'permanent' })];
    }),
  ),
};

/** Only VXLAN devices of our own namespaces have any of ours. */
function readEntries(open: OpenPlace, plan: PlacePlan): ForwardingEntry[] {
  if (!ownsWholly(plan)) return [];
  return open
    .links()
    .filter(({ kind }) => kind === 'vxlan')
    .flatMap(({ index, name }) =>
      open
        .routes()
        .forwardingEntries(index)
        .map(({ macAddress, destination }) => ({ device: name, mac: macAddress, destination: destination ?? '' })),
    );
}
