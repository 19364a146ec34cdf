/** The kernel's languages: everything that the rest of the house may use. */

export * from './conntrack/conntrack.js';
export type * from './conntrack/types.js';
export * from './errors.js';
export * from './icmp.js';
export * from './inet.js';
export * from './ipvs/connections.js';
export * from './ipvs/ipvs.js';
export * from './ipvs/requests.js';
export { formatEndpoint, formatServiceKey, serviceFamily } from './ipvs/service-codec.js';
export * from './ipvs/types.js';
export * from './listen.js';
export * from './listeners.js';
export * from './netlink/errors.js';
export type * from './netlink/message.js';
export * from './netlink/monitor.js';
export * from './netns.js';
export * from './process.js';
export { addAddress, deleteAddress, replaceAddress } from './rtnetlink/addresses.js';
export { addForwardingEntry, appendForwardingEntry, deleteForwardingEntry, replaceForwardingEntry } from './rtnetlink/forwarding.js';
export { changeLink, createBridge, createDummy, createVeth, createVxlan, deleteLink } from './rtnetlink/links.js';
export { addNeighbour, deleteNeighbour, replaceNeighbour } from './rtnetlink/neighbours.js';
export { addRoute, deleteRoute, describeRoute, replaceRoute, routeFamily } from './rtnetlink/routes.js';
export { addRule, deleteRule, describeRule } from './rtnetlink/rules.js';
export * from './rtnetlink/route-netlink.js';
export type * from './rtnetlink/types.js';
export * from './sysctl.js';
export * from './tcp-sockets.js';
