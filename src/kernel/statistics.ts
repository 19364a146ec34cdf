/** What IPVS has counted for each virtual service and each real server. */
import type { IpvsStatistics } from '../../native/index.js';
import { connectionKey, type ConnectionCount } from './connections.js';
import { servicesInOneTurn } from './ipvs.js';
import type { OpenPlace } from './machine.js';
import { nextTurn } from '../next-turn.js';

export interface RealServerStatistics extends ConnectionCount {
  readonly weight: number;
  readonly traffic: IpvsStatistics;
}

export interface KernelStatistics {
  /** By firewall mark. */
  readonly ports: ReadonlyMap<number, IpvsStatistics>;
  /** By `connectionKey`. */
  readonly realServers: ReadonlyMap<string, RealServerStatistics>;
}

/** One pass over IPVS, in time proportional to the ports; empty where there is no sandbox, or it goes meanwhile. */
export async function readStatistics(openSandbox: () => OpenPlace | undefined): Promise<KernelStatistics> {
  const ports = new Map<number, IpvsStatistics>();
  const realServers = new Map<string, RealServerStatistics>();
  try {
    const services = openSandbox()?.ipvs().services() ?? [];
    for (const [index, { key, statistics }] of services.entries()) {
      if (key.kind !== 'fwmark') continue;
      ports.set(key.fwmark, statistics);
      if (index % servicesInOneTurn === servicesInOneTurn - 1) await nextTurn();
      // Asked for anew: the namespace may have been another's by now.
      for (const { address, port, weight, activeConnections, inactiveConnections, statistics: traffic } of openSandbox()?.ipvs().destinations(key) ?? []) {
        realServers.set(connectionKey(key.fwmark, address, port), { weight, active: activeConnections, inactive: inactiveConnections, traffic });
      }
    }
  } catch {
    return { ports: new Map(), realServers: new Map() }; // As for `connectionCounts`: the next pass tells what is wrong.
  }
  return { ports, realServers };
}
