/** IPv4 addresses. */
import { deleteAddress, replaceAddress } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Address } from '../plan/objects.js';
import { sendEach } from './batch.js';
import type { OpenPlace } from './machine.js';
import { ownsDevice } from './ownership.js';
import { applying, diffObjects, objectOf, observing, type ObjectChange, type ObjectKind, type Reconciler } from './reconciler.js';

export type AddressChange = ObjectChange<'address', Address>;

const addresses: ObjectKind<Address, Address> = {
  keyOf: ({ device, address, prefixLength }) => `${device} ${address}/${prefixLength}`,
  equal: () => true,
  describe: ({ device, address, prefixLength }) => `address ${address}/${prefixLength} dev ${device}`,
  deviceOf: ({ device }) => device,
};

export const addressReconciler: Reconciler<'address', AddressChange> = {
  observe: observing(readAddresses),
  diff: (pairs) => pairs.flatMap(({ desired, observed }) => diffObjects('address', desired.place, addresses, desired.addresses, observed.address)),
  apply: applying((open, changes) =>
    sendEach(open, changes, (change) => {
      const { device, address, prefixLength } = objectOf(change);
      const subject = { linkIndex: open.indexOf(device), address: `${address}/${prefixLength}` };
      return [change.action === 'remove' ? deleteAddress(subject) : replaceAddress(subject)];
    }),
  ),
};

function readAddresses(open: OpenPlace, plan: PlacePlan): Address[] {
  return open
    .routes()
    .addresses('inet')
    .map(({ linkIndex, address }) => {
      const [ip = '', prefixLength] = address.split('/');
      return { device: open.nameOf(linkIndex), address: ip, prefixLength: Number(prefixLength) };
    })
    .filter(({ device, address }) => ownsDevice(plan, device) && !(device === 'lo' && address.startsWith('127.')));
}
