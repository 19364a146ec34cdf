/** A state that says mostly what the one before said, made of that one's objects wherever it does. */
import { isDeepStrictEqual } from 'node:util';
import { differingSpan, isSameList, splice } from '../sharing.js';
import { byId } from './sorting.js';
import type { ClusterState } from './state.js';

/** The state before itself, where both say the same. */
export function shareState(previous: ClusterState, next: ClusterState): ClusterState {
  if (previous === next) return previous;
  const shared: ClusterState = {
    nodes: shareById(previous.nodes, next.nodes),
    services: shareById(previous.services, next.services),
    tasks: shareById(previous.tasks, next.tasks),
    conditions: isDeepStrictEqual(previous.conditions, next.conditions) ? previous.conditions : next.conditions,
  };
  return (Object.keys(shared) as (keyof ClusterState)[]).every((list) => shared[list] === previous[list]) ? previous : shared;
}

/** Both are sorted by id. */
function shareById<Item extends { readonly id: string }>(previous: readonly Item[], next: readonly Item[]): readonly Item[] {
  const { start, previousEnd, nextEnd } = differingSpan(previous, next);
  let at = start;
  const middle = next.slice(start, nextEnd).map((item) => {
    while (at < previousEnd && byId(previous[at] ?? item, item) < 0) at += 1;
    const other = previous[at];
    return other !== undefined && isDeepStrictEqual(other, item) ? other : item;
  });
  return isSameList(previous.slice(start, previousEnd), middle) ? previous : splice(previous, start, previousEnd, middle);
}
