/** What IPVS counts for each published port and real server at one moment, with the names that a controller knows. Pure. */
import type { IpvsStatistics, ObservedDestination, ObservedVirtualService } from '../../../native/index.js';
import type { StatusReport } from '../../controller/report.js';
import { connectionKey } from '../../kernel/connections.js';
import { hexOf, portOfFwmark } from '../../plan/fwmark.js';

/** These names are the JSON of `routemesh top --json`: they stay. Rates are IPVS's own estimates, made anew every two seconds. */
export interface Flow {
  /** Scheduled since the counters were zeroed. */
  readonly connections: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly connectionsPerSecond: number;
  readonly packetsInPerSecond: number;
  readonly packetsOutPerSecond: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  /** Connections that IPVS has now. */
  readonly active: number;
  readonly inactive: number;
}

export interface ServerSample extends Flow {
  readonly address: string;
  readonly port: number;
  readonly weight: number;
  /** Null where nobody knows. */
  readonly task: string | null;
  readonly node: string | null;
}

export interface PortSample extends Flow {
  /** `tcp/8080`; of a virtual service that is none of a published port's: its mark. */
  readonly port: string;
  readonly fwmark: number;
  readonly service: string | null;
  /** False: the port is closed, and only its last connections are kept. */
  readonly accepting: boolean;
  readonly servers: readonly ServerSample[];
}

export interface Sample {
  /** RFC 3339. */
  readonly at: string;
  readonly node: string | null;
  readonly ports: readonly PortSample[];
}

export interface CountedService {
  readonly service: ObservedVirtualService;
  readonly servers: readonly ObservedDestination[];
}

/** Who is behind marks and real servers; null: no controller answers. */
export type Names = Pick<StatusReport, 'node' | 'nodes' | 'ports'> | null;

/** Sorted by mark: by protocol, then number. */
export function sampleOf(counted: readonly CountedService[], names: Names, at: Date): Sample {
  const known = namesBy(names);
  return {
    at: at.toISOString(),
    node: names?.node.name ?? null,
    ports: counted
      .flatMap(({ service, servers }) => (service.key.kind === 'fwmark' ? [portSample(service.key.fwmark, service.statistics, servers, known)] : []))
      .sort((one, other) => one.fwmark - other.fwmark),
  };
}

interface Known {
  readonly ports: ReadonlyMap<number, { readonly serviceName: string; readonly accepting: boolean }>;
  readonly servers: ReadonlyMap<string, { readonly task: string; readonly node: string }>;
}

function namesBy(names: Names): Known {
  const nodes = new Map((names?.nodes ?? []).map(({ id, name }) => [id, name]));
  return {
    ports: new Map((names?.ports ?? []).map((port) => [port.fwmark, port])),
    servers: new Map((names?.ports ?? []).flatMap(({ fwmark, backends }) =>
      backends.map((backend) => [connectionKey(fwmark, backend.address, backend.port), { task: backend.taskName, node: nodes.get(backend.nodeId) ?? backend.nodeId }]),
    )),
  };
}

function portSample(fwmark: number, statistics: IpvsStatistics, destinations: readonly ObservedDestination[], known: Known): PortSample {
  const port = portOfFwmark(fwmark);
  const servers = destinations.map((destination): ServerSample => {
    const { address, port: number, weight, activeConnections, inactiveConnections } = destination;
    const name = known.servers.get(connectionKey(fwmark, address, number));
    return { address, port: number, weight, task: name?.task ?? null, node: name?.node ?? null, ...flowOf(destination.statistics, activeConnections, inactiveConnections) };
  });
  const sum = (of: (server: ServerSample) => number): number => servers.reduce((total, server) => total + of(server), 0);
  return {
    port: port === null ? hexOf(fwmark) : `${port.protocol}/${port.port}`,
    fwmark,
    service: known.ports.get(fwmark)?.serviceName ?? null,
    accepting: known.ports.get(fwmark)?.accepting ?? true,
    ...flowOf(statistics, sum(({ active }) => active), sum(({ inactive }) => inactive)),
    servers,
  };
}

function flowOf(statistics: IpvsStatistics, active: number, inactive: number): Flow {
  return {
    connections: Number(statistics.connections),
    packetsIn: Number(statistics.incomingPackets),
    packetsOut: Number(statistics.outgoingPackets),
    bytesIn: Number(statistics.incomingBytes),
    bytesOut: Number(statistics.outgoingBytes),
    connectionsPerSecond: Number(statistics.connectionsPerSecond),
    packetsInPerSecond: Number(statistics.incomingPacketsPerSecond),
    packetsOutPerSecond: Number(statistics.outgoingPacketsPerSecond),
    bytesInPerSecond: Number(statistics.incomingBytesPerSecond),
    bytesOutPerSecond: Number(statistics.outgoingBytesPerSecond),
    active,
    inactive,
  };
}
