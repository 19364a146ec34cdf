/** Changes to IPVS, ready to be sent together. */
import type { DestinationKey, IpvsRequest, IpvsTimeouts, NewDestination, NewVirtualService, ServiceKey } from './types.js';

const todo = (): never => {
  throw new Error('not built yet');
};

/** EEXIST when it is there. */
export function addService(_service: NewVirtualService): IpvsRequest { return todo(); }
/** Changes a service in place, connections live on. ESRCH when there is none. */
export function setService(_service: NewVirtualService): IpvsRequest { return todo(); }
/** Deletes a service and its destinations. ESRCH when there is none. */
export function deleteService(_service: ServiceKey): IpvsRequest { return todo(); }
/** EEXIST (and no change at all) when it is there: see Ipvs.ensureDestinations. */
export function addDestination(_service: ServiceKey, _destination: NewDestination): IpvsRequest { return todo(); }
/** ENOENT when there is none. */
export function setDestination(_service: ServiceKey, _destination: NewDestination): IpvsRequest { return todo(); }
/** ENOENT when there is none. */
export function deleteDestination(_service: ServiceKey, _destination: DestinationKey): IpvsRequest { return todo(); }
/** Zeroes the counters of one service, or of all. */
export function zeroCounters(_service?: ServiceKey): IpvsRequest { return todo(); }
/** Deletes every service of the namespace. */
export function flushServices(): IpvsRequest { return todo(); }
/** What is left out, or 0, stays. */
export function setTimeouts(_timeouts: Partial<IpvsTimeouts>): IpvsRequest { return todo(); }
