/** One namespace as it is: its network objects and its iptables. Only reads. */
import { lookAtIptables } from '../kernel/iptables/look.js';
import type { OpenPlace } from '../kernel/machine.js';
import { readSets } from '../kernel/set/observe.js';
import type { ObservedSet } from '../kernel/state.js';
import type { KernelSet } from '../plan/objects.js';
import { memberKey } from '../plan/sets.js';
import type { SeenPlace } from './observation.js';
import type { SeenSet, SeenSets } from './rules/sets.js';
import { deviceNames, readNetwork, type OtherPlace } from './read-network.js';

/** `name`: what people call it; `enter`: words before a command that is run there; `sysctls`: paths under /proc/sys wanted with it. */
export async function readPlace(open: OpenPlace, name: string, enter: readonly string[], others: readonly OtherPlace[], sysctls: readonly string[] = []): Promise<SeenPlace> {
  return {
    place: open.place,
    name,
    enter,
    network: readNetwork(open.routes(), open.namespace, open.place, others, ['net/ipv4/ip_forward', ...sysctls]),
    iptables: await lookAtIptables(open.namespace),
    sets: seenSets(readSets(open, { sets: [] })),
  };
}

/** A set of our name that is none of ours inside is as good as anybody's. */
export function seenSets(sets: readonly ObservedSet[]): SeenSets {
  return new Map(sets.flatMap(({ type, ...set }): [string, SeenSet][] =>
    isKnownType(type) && set.odd !== true ? [[set.name, { name: set.name, marked: set.marked, type, members: new Map(set.members.map((member) => [memberKey(member), member])) }]] : []));
}

function isKnownType(type: string): type is KernelSet['type'] {
  return type === 'bitmap:port' || type === 'hash:ip,port' || type === 'hash:ip';
}

export function otherPlace(open: OpenPlace): OtherPlace {
  return { place: open.place, namespace: open.namespace, devices: deviceNames(open.links()) };
}
