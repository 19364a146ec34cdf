/** The kernel's languages: everything that the rest of the house may use. */

export * from './errors.js';
export * from './inet.js';
export * from './ipvs/ipvs.js';
export * from './ipvs/requests.js';
export * from './ipvs/types.js';
export * from './listen.js';
export * from './listeners.js';
export * from './netlink/errors.js';
export type * from './netlink/message.js';
export * from './netlink/monitor.js';
export * from './netns.js';
export * from './process.js';
export * from './rtnetlink/builders.js';
export * from './rtnetlink/route-netlink.js';
export type * from './rtnetlink/types.js';
export * from './sysctl.js';
