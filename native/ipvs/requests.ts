/** Changes to IPVS, ready to be sent together. */

import { nested, u32, type Attribute } from '../netlink/attributes.js';
import {
  IPVS_CMD_ATTR_DEST, IPVS_CMD_ATTR_SERVICE, IPVS_CMD_ATTR_TIMEOUT_TCP, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, IPVS_CMD_ATTR_TIMEOUT_UDP,
  IPVS_CMD_DEL_DEST, IPVS_CMD_DEL_SERVICE, IPVS_CMD_FLUSH, IPVS_CMD_NEW_DEST, IPVS_CMD_NEW_SERVICE, IPVS_CMD_SET_CONFIG,
  IPVS_CMD_SET_DEST, IPVS_CMD_SET_SERVICE, IPVS_CMD_ZERO,
} from './constants.js';
import { encodeDestination, encodeDestinationKey } from './destination-codec.js';
import { encodeService, encodeServiceKey, formatEndpoint, formatServiceKey } from './service-codec.js';
import type { DestinationKey, IpvsRequest, IpvsTimeouts, NewDestination, NewVirtualService, ServiceKey } from './types.js';

/** EEXIST when it is there; ENOENT when the kernel has no such scheduler. */
export function addService(service: NewVirtualService): IpvsRequest {
  return serviceRequest(IPVS_CMD_NEW_SERVICE, 'add', service);
}

/** Changes a service in place, connections live on. ESRCH when there is none. */
export function setService(service: NewVirtualService): IpvsRequest {
  return serviceRequest(IPVS_CMD_SET_SERVICE, 'set', service);
}

/** Deletes a service and its destinations. ESRCH when there is none. */
export function deleteService(service: ServiceKey): IpvsRequest {
  return request(IPVS_CMD_DEL_SERVICE, `delete virtual service ${formatServiceKey(service)}`, [keyAttribute(service)]);
}

/**
 * EEXIST (and no change at all) when it is there: see Ipvs.ensureDestinations. ESRCH when there is no such service.
 * EINVAL for an IPv4 address that is not unicast, which in a namespace that never had an address is every one: bring its
 * loopback up first (ip_vs_new_dest() asks inet_addr_type(), which knows no unicast without a local table).
 */
export function addDestination(service: ServiceKey, destination: NewDestination): IpvsRequest {
  return destinationRequest(IPVS_CMD_NEW_DEST, 'add', service, destination, encodeDestination(destination));
}

/** ENOENT when there is none, ESRCH when there is no such service. */
export function setDestination(service: ServiceKey, destination: NewDestination): IpvsRequest {
  return destinationRequest(IPVS_CMD_SET_DEST, 'set', service, destination, encodeDestination(destination));
}

/** ENOENT when there is none, ESRCH when there is no such service. */
export function deleteDestination(service: ServiceKey, destination: DestinationKey): IpvsRequest {
  return destinationRequest(IPVS_CMD_DEL_DEST, 'delete', service, destination, encodeDestinationKey(destination));
}

/** Zeroes the counters of one service, or of all. */
export function zeroCounters(service?: ServiceKey): IpvsRequest {
  return service === undefined
    ? request(IPVS_CMD_ZERO, 'zero all IPVS counters', [])
    : request(IPVS_CMD_ZERO, `zero the counters of virtual service ${formatServiceKey(service)}`, [keyAttribute(service)]);
}

/** Deletes every service of the namespace. */
export function flushServices(): IpvsRequest {
  return request(IPVS_CMD_FLUSH, 'delete all virtual services', []);
}

/** Idle times in seconds. What is left out, or 0, stays. */
export function setTimeouts(timeouts: Partial<IpvsTimeouts>): IpvsRequest {
  return request(IPVS_CMD_SET_CONFIG, 'set IPVS timeouts', [
    u32(IPVS_CMD_ATTR_TIMEOUT_TCP, timeouts.tcpSeconds ?? 0),
    u32(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, timeouts.tcpFinSeconds ?? 0),
    u32(IPVS_CMD_ATTR_TIMEOUT_UDP, timeouts.udpSeconds ?? 0),
  ]);
}

function keyAttribute(service: ServiceKey): Attribute {
  return nested(IPVS_CMD_ATTR_SERVICE, encodeServiceKey(service));
}

function serviceRequest(command: number, verb: string, service: NewVirtualService): IpvsRequest {
  return request(command, `${verb} virtual service ${formatServiceKey(service.key)} (${service.scheduler})`, [
    nested(IPVS_CMD_ATTR_SERVICE, encodeService(service)),
  ]);
}

function destinationRequest(
  command: number, verb: string, service: ServiceKey, destination: DestinationKey, attributes: readonly Attribute[],
): IpvsRequest {
  const description = `${verb} destination ${formatEndpoint(destination.address, destination.port)} of ${formatServiceKey(service)}`;
  return request(command, description, [keyAttribute(service), nested(IPVS_CMD_ATTR_DEST, attributes)]);
}

function request(command: number, description: string, attributes: readonly Attribute[]): IpvsRequest {
  return { command, attributes, description };
}
