/** The network that nodes reach each other by. */
import { RouteNetlink, type NetworkNamespace } from '../../native/index.js';
import { ethernetMtu } from '../plan/place.js';

/** Largest that veth, bridge and VXLAN devices take: ETH_MAX_MTU (linux/if_ether.h); the loopback device has one more. */
const largestMtu = 65_535;
/** linux/if.h */
const IFF_LOOPBACK = 8;

export interface Underlay {
  /** The device that carries the node's own address; null where none does. */
  readonly device: string | null;
  /**
   * In bytes. Ethernet's 1500 where there is no such device, or where it is no cable: an address on loopback or a dummy is
   * routed to the node, by cables that it says nothing of.
   */
  readonly mtu: number;
}

export function underlayOf(host: NetworkNamespace, nodeAddress: string | undefined): Underlay {
  if (nodeAddress === undefined) return { device: null, mtu: ethernetMtu };
  const netlink = RouteNetlink.open(host);
  try {
    const address = netlink.addresses('inet').find((each) => each.address.startsWith(`${nodeAddress}/`));
    const carrier = address === undefined ? undefined : netlink.link(address.linkIndex);
    if (carrier === undefined) return { device: null, mtu: ethernetMtu };
    const isCable = carrier.kind !== 'dummy' && (carrier.flags & IFF_LOOPBACK) === 0;
    return { device: carrier.name, mtu: isCable ? Math.min(carrier.mtu, largestMtu) : ethernetMtu };
  } finally {
    netlink.close();
  }
}
