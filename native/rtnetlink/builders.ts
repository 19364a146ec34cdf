/** Shells; each moves to its own file. */
import type { NetlinkMessage } from '../netlink/message.js';
import type * as T from './types.js';

const todo = (): never => {
  throw new Error('not built yet');
};

export function createVeth(_link: T.NewVeth): NetlinkMessage { return todo(); }
export function createBridge(_link: T.NewLink): NetlinkMessage { return todo(); }
export function createVxlan(_link: T.NewVxlan): NetlinkMessage { return todo(); }
export function createDummy(_link: T.NewLink): NetlinkMessage { return todo(); }
export function changeLink(_link: T.LinkReference, _change: T.LinkChange): NetlinkMessage { return todo(); }
export function deleteLink(_link: T.LinkReference): NetlinkMessage { return todo(); }

/** EEXIST when it is there. */
export function addAddress(_address: T.NewAddress): NetlinkMessage { return todo(); }
export function replaceAddress(_address: T.NewAddress): NetlinkMessage { return todo(); }
export function deleteAddress(_address: T.NewAddress): NetlinkMessage { return todo(); }

/** EEXIST when a route to the same destination with the same metric (and tos) is in the table. */
export function addRoute(_route: T.NewRoute): NetlinkMessage { return todo(); }
/** Adds, or takes the place of the route with the same destination, table and metric. */
export function replaceRoute(_route: T.NewRoute): NetlinkMessage { return todo(); }
export function deleteRoute(_route: T.NewRoute): NetlinkMessage { return todo(); }

/** EEXIST when the very same rule is there. Rules can't be replaced: add the new one, then delete the old. */
export function addRule(_rule: T.NewRule): NetlinkMessage { return todo(); }
export function deleteRule(_rule: T.NewRule): NetlinkMessage { return todo(); }

export function addNeighbour(_neighbour: T.NewNeighbour): NetlinkMessage { return todo(); }
export function replaceNeighbour(_neighbour: T.NewNeighbour): NetlinkMessage { return todo(); }
export function deleteNeighbour(_neighbour: T.NewNeighbour): NetlinkMessage { return todo(); }

export function addForwardingEntry(_entry: T.NewForwardingEntry): NetlinkMessage { return todo(); }
/** Adds, or gives the entry of that MAC address this destination. */
export function replaceForwardingEntry(_entry: T.NewForwardingEntry): NetlinkMessage { return todo(); }
/** Adds one more destination to a MAC address (VXLAN's all-zero entry). */
export function appendForwardingEntry(_entry: T.NewForwardingEntry): NetlinkMessage { return todo(); }
export function deleteForwardingEntry(_entry: T.NewForwardingEntry): NetlinkMessage { return todo(); }
