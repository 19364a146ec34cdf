import { emptyIptablesPlan } from './iptables.js';
import type { PlacePlan } from './node-plan.js';
import type { Sysctl } from './objects.js';

const nothing: readonly never[] = [];

/** A place's plan from the parts that it has; the rest is empty. */
export function placePlan(parts: Pick<PlacePlan, 'place' | 'namespace'> & Partial<PlacePlan>): PlacePlan {
  return {
    links: nothing,
    addresses: nothing,
    neighbours: nothing,
    forwarding: nothing,
    routes: nothing,
    rules: nothing,
    sysctls: nothing,
    sets: nothing,
    iptables: emptyIptablesPlan,
    virtualServices: nothing,
    ipvsTimeouts: null,
    placeholders: nothing,
    ...parts,
  };
}

/** Ethernet's own, in bytes: what is assumed of an underlay that can't be asked. */
export const ethernetMtu = 1500;

/** The main routing table (linux/rtnetlink.h, RT_TABLE_MAIN). */
export const mainTable = 254;

/**
 * A router that believes its routes: forwards, accepts replies that come another way than they would be sent, tells
 * nobody of better ways, and speaks no IPv6 (link-local IPv6 would be a way around the IPv4 rules).
 */
export function routerSysctls(devices: readonly string[]): Sysctl[] {
  return [
    { path: 'net/ipv4/ip_forward', value: '1' },
    ...['all', 'default', ...devices].flatMap(deviceSysctls),
  ];
}

/** What `routerSysctls` says of one device. */
export function deviceSysctls(device: string): Sysctl[] {
  return [
    { path: `net/ipv4/conf/${device}/rp_filter`, value: '0' },
    { path: `net/ipv4/conf/${device}/send_redirects`, value: '0' },
    { path: `net/ipv6/conf/${device}/disable_ipv6`, value: '1', optional: true },
  ];
}
