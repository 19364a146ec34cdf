/** The network that nodes reach each other by. */
import { RouteNetlink, type NetworkNamespace } from '../../native/index.js';
import { ethernetMtu } from '../plan/place.js';

/** MTU in bytes of the device that carries the node's own address; Ethernet's 1500 where none does. */
export function underlayMtu(host: NetworkNamespace, nodeAddress: string | undefined): number {
  if (nodeAddress === undefined) return ethernetMtu;
  const netlink = RouteNetlink.open(host);
  try {
    const carrier = netlink.addresses('inet').find(({ address }) => address.startsWith(`${nodeAddress}/`));
    return carrier === undefined ? ethernetMtu : (netlink.link(carrier.linkIndex)?.mtu ?? ethernetMtu);
  } finally {
    netlink.close();
  }
}
