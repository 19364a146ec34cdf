/** Reads the sets of a place that have our names; what else is there is somebody's. */
import { existsSync } from 'node:fs';
import type { PlacePlan } from '../../plan/node-plan.js';
import { setNames } from '../../plan/sets.js';
import type { OpenPlace } from '../machine.js';
import type { ObservedSet } from '../state.js';
import { memberOf } from './members.js';

/** A set that takes another's place is made beside it first. */
export function spareName(name: string): string {
  return `${name}-new`;
}

const ourNames: ReadonlySet<string> = new Set(setNames.flatMap((name) => [name, spareName(name)]));

/** Only namespaces of ours and the host's have rules of ours. */
export function readSets(open: OpenPlace, { sets }: Pick<PlacePlan, 'sets'>): ObservedSet[] {
  if (open.place.startsWith('task:')) return [];
  // To ask a kernel that has not loaded ip_set would make it do so.
  if (sets.length === 0 && !existsSync('/sys/module/ip_set')) return [];
  const handle = open.sets();
  return handle.names().filter((name) => ourNames.has(name)).flatMap((name) => {
    const set = handle.find(name);
    return set === undefined ? [] : [{ name, type: set.type, marked: set.withMarks, odd: !set.isPlain, members: set.entries.map(memberOf) }];
  });
}
