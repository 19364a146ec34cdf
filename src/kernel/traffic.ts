/** What IPVS counts and estimates for each virtual service and real server: one dump gives it all. */
import type { IpvsStatistics } from '../../native/index.js';
import { connectionKey, type ConnectionCount } from './connections.js';
import type { OpenPlace } from './machine.js';

/** Counters since they began, and the kernel's own estimates; it refreshes both every two seconds. */
export interface Traffic {
  readonly connections: number;
  readonly connectionsPerSecond: number;
  readonly incomingBytesPerSecond: number;
  readonly outgoingBytesPerSecond: number;
}

export interface ServiceTraffic extends Traffic {
  readonly scheduler: string;
  /** Null: not persistent. */
  readonly persistenceSeconds: number | null;
}

export interface ServerTraffic extends Traffic, ConnectionCount {}

export interface MeshTraffic {
  /** By fwmark. */
  readonly services: ReadonlyMap<number, ServiceTraffic>;
  /** By `connectionKey`. */
  readonly servers: ReadonlyMap<string, ServerTraffic>;
}

export const noTraffic: MeshTraffic = { services: new Map(), servers: new Map() };

/** `noTraffic` where IPVS can't be asked: there is no sandbox yet, or it is just going. */
export function readTraffic(sandbox: OpenPlace | undefined): MeshTraffic {
  if (sandbox === undefined) return noTraffic;
  const services = new Map<number, ServiceTraffic>();
  const servers = new Map<string, ServerTraffic>();
  try {
    const ipvs = sandbox.ipvs();
    for (const { key, scheduler, persistenceSeconds, statistics } of ipvs.services()) {
      if (key.kind !== 'fwmark') continue;
      services.set(key.fwmark, { ...trafficOf(statistics), scheduler, persistenceSeconds: persistenceSeconds ?? null });
      for (const { address, port, activeConnections, inactiveConnections, statistics: own } of ipvs.destinations(key)) {
        servers.set(connectionKey(key.fwmark, address, port), { ...trafficOf(own), active: activeConnections, inactive: inactiveConnections });
      }
    }
  } catch {
    return noTraffic;
  }
  return { services, servers };
}

function trafficOf({ connections, connectionsPerSecond, incomingBytesPerSecond, outgoingBytesPerSecond }: IpvsStatistics): Traffic {
  return {
    connections: Number(connections),
    connectionsPerSecond: Number(connectionsPerSecond),
    incomingBytesPerSecond: Number(incomingBytesPerSecond),
    outgoingBytesPerSecond: Number(outgoingBytesPerSecond),
  };
}
