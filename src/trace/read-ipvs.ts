/** Virtual services and real servers of a sandbox. Only reads. */
import { asError } from '../kernel/errors.js';
import type { OpenPlace } from '../kernel/machine.js';
import type { SeenVirtualService } from './observation.js';

/** A text where IPVS can't be asked: why. */
export function readVirtualServices(sandbox: OpenPlace): SeenVirtualService[] | string {
  try {
    const ipvs = sandbox.ipvs();
    return ipvs.services().map((service) => ({
      key: service.key,
      scheduler: service.scheduler,
      persistenceSeconds: service.persistenceSeconds ?? null,
      onePacket: service.onePacket,
      connections: service.statistics.connections,
      servers: ipvs
        .destinations(service.key)
        .map(({ address, port, weight, activeConnections, inactiveConnections }) => ({ address, port, weight, active: activeConnections, inactive: inactiveConnections })),
    }));
  } catch (error) {
    return asError(error).message;
  }
}
