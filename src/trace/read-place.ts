/** One namespace as it is: its network objects and its iptables. Only reads. */
import { lookAtIptables } from '../kernel/iptables/look.js';
import type { OpenPlace } from '../kernel/machine.js';
import type { SeenPlace } from './observation.js';
import { deviceNames, readNetwork, type OtherPlace } from './read-network.js';
import { readSeenSets } from './read-sets.js';

/** `name`: what people call it; `enter`: words before a command that is run there; `sysctls`: paths under /proc/sys wanted with it. */
export async function readPlace(open: OpenPlace, name: string, enter: readonly string[], others: readonly OtherPlace[], sysctls: readonly string[] = []): Promise<SeenPlace> {
  return {
    place: open.place,
    name,
    enter,
    network: readNetwork(open.routes(), open.namespace, open.place, others, ['net/ipv4/ip_forward', ...sysctls]),
    iptables: await lookAtIptables(open.namespace),
    sets: readSeenSets(open),
  };
}

export function otherPlace(open: OpenPlace): OtherPlace {
  return { place: open.place, namespace: open.namespace, devices: deviceNames(open.links()) };
}
