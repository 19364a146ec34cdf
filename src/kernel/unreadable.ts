/** A kind of objects that could not be read in a place: nothing is changed there blindly, and applying says why. */
import type { Place } from '../plan/objects.js';
import type { Change, Kind } from './change.js';

export interface Unreadable extends Change {
  readonly error: Error;
}

export function unreadable(kind: Kind, place: Place, error: Error): Unreadable {
  return { kind, place, action: 'change', key: 'unreadable', summary: `${kind}: can’t be read: ${error.message}`, error };
}

export function isUnreadable(change: Change): change is Unreadable {
  return 'error' in change && change.key === 'unreadable';
}
