/** How we know our own objects in namespaces that belong to others. */

/**
 * rtm_protocol and FRA_PROTOCOL of every route and rule that we write (linux/rtnetlink.h: numbers above RTPROT_STATIC
 * are their owners' own; 152 is nobody else's in iproute2's rt_protos).
 */
export const routeProtocol = 152;

/** IFLA_IFALIAS of links that we make in namespaces of others. */
export const linkAlias = 'routemesh';
