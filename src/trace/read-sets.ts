/** The sets of a namespace that have our names, as rules ask them. Only reads. */
import type { OpenPlace } from '../kernel/machine.js';
import { readSets } from '../kernel/set/observe.js';
import type { KernelSet } from '../plan/objects.js';
import { memberKey } from '../plan/sets.js';
import type { SeenSet, SeenSets } from './rules/sets.js';

/** A set of our name that is none of ours inside is as good as anybody's. */
export function readSeenSets(open: OpenPlace): SeenSets {
  return new Map(readSets(open, { sets: [] }).flatMap(({ type, ...set }): [string, SeenSet][] =>
    isKnownType(type) && set.odd !== true ? [[set.name, { name: set.name, marked: set.marked, type, members: new Map(set.members.map((member) => [memberKey(member), member])) }]] : []));
}

function isKnownType(type: string): type is KernelSet['type'] {
  return type === 'bitmap:port' || type === 'hash:ip,port' || type === 'hash:ip';
}
