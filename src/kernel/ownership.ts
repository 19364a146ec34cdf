/**
 * What is ours, so that nothing else is ever touched.
 *
 * | where | ours |
 * |---|---|
 * | our named namespaces | everything but what the kernel itself makes |
 * | host | the links that the plan names and what is on them, our iptables chain and jumps, the plan's sysctls |
 * | a task | `mesh0` and what is on it, routes and rules with our protocol number |
 */
import type { PlacePlan } from '../plan/node-plan.js';
import { taskDevice } from '../plan/devices.js';

/** A named namespace is made by us, for us. */
export function ownsWholly(plan: PlacePlan): boolean {
  return plan.namespace?.named === true;
}

/** Are addresses and neighbours on this device ours? */
export function ownsDevice(plan: PlacePlan, device: string): boolean {
  if (ownsWholly(plan)) return true;
  if (plan.place !== 'host') return device === taskDevice;
  return plan.links.some(({ name }) => name === device);
}

/** Devices that the kernel makes in every namespace as soon as their module is loaded (net/ipv4/ip_tunnel.c and others); they can't be deleted. */
const kernelDevices: ReadonlySet<string> = new Set([
  'lo', 'tunl0', 'gre0', 'gretap0', 'erspan0', 'ip_vti0', 'ip6_vti0', 'sit0', 'ip6tnl0', 'ip6gre0', 'teql0',
]);

export function isKernelDevice(name: string): boolean {
  return kernelDevices.has(name);
}
