/** Forwarding entries of VXLAN devices: behind which node each hardware address is. */
import { deleteForwardingEntry, replaceForwardingEntry, type ForwardingEntry as KernelEntry } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { ForwardingEntry } from '../plan/objects.js';
import { sendEach } from './batch.js';
import type { OpenPlace } from './machine.js';
import { ownsWholly } from './ownership.js';
import { applying, diffObjects, objectOf, observing, type ObjectChange, type ObjectKind, type Reconciler } from './reconciler.js';
import type { ObservedForwardingEntry } from './state.js';

export type FdbChange = ObjectChange<'fdb', ForwardingEntry, ObservedForwardingEntry>;

const entries: ObjectKind<ForwardingEntry, ObservedForwardingEntry> = {
  keyOf: ({ device, mac }) => `${device} ${mac}`,
  equal: (desired, observed) => desired.destination === observed.destination && observed.odd !== true,
  describe: ({ device, mac, destination }) => `fdb ${mac} dev ${device} dst ${destination}`,
  difference: (_desired, observed) => `(was dst ${observed.destination}${observed.odd === true ? ', set up otherwise' : ''})`,
  deviceOf: ({ device }) => device,
};

export const fdbReconciler: Reconciler<'fdb', FdbChange> = {
  observe: observing(readEntries),
  diff: (pairs) => pairs.flatMap(({ desired, observed }) => diffObjects('fdb', desired.place, entries, desired.forwarding, observed.fdb)),
  apply: applying((open, changes) =>
    sendEach(open, changes, (change) => {
      const { device, mac, destination } = objectOf(change);
      const subject = { linkIndex: open.indexOf(device), macAddress: mac };
      // Without a destination the whole entry goes: with one, the kernel looks for the device's own port and identifier
      // (vxlan_fdb_find_rdst() of drivers/net/vxlan/vxlan_core.c) and would not find an odd one.
      return [change.action === 'remove' ? deleteForwardingEntry(subject) : replaceForwardingEntry({ ...subject, destination, state: 'permanent' })];
    }),
  ),
};

/** Only VXLAN devices of our own namespaces have any of ours. */
function readEntries(open: OpenPlace, plan: PlacePlan): ObservedForwardingEntry[] {
  if (!ownsWholly(plan)) return [];
  return open
    .links()
    .filter(({ kind }) => kind === 'vxlan')
    .flatMap(({ index, name }) =>
      open
        .routes()
        .forwardingEntries(index)
        .map((entry) => ({ device: name, mac: entry.macAddress, destination: entry.destination ?? '', ...(isOdd(entry) ? { odd: true } : {}) })),
    );
}

/** The kernel names port and identifier only where they are not the device's (vxlan_fdb_info()). */
function isOdd({ state, port, vni }: KernelEntry): boolean {
  return state !== 'permanent' || port !== undefined || vni !== undefined;
}
