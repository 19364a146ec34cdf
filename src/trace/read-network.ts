/** The network objects of one namespace, by rtnetlink. Only reads. */
import { readSysctl, type Link, type NetworkNamespace, type Route, type RouteNetlink } from '../../native/index.js';
import type { Place } from '../plan/objects.js';
import type { SeenDevice, SeenNetwork, SeenRoute } from './observation.js';

/** Another place that cables may lead to. */
export interface OtherPlace {
  readonly place: Place;
  readonly namespace: NetworkNamespace;
  /** Index of a device → its name. */
  readonly devices: ReadonlyMap<number, string>;
}

/** `sysctls`: paths under /proc/sys that are wanted with it. */
export function readNetwork(socket: RouteNetlink, namespace: NetworkNamespace, place: Place, others: readonly OtherPlace[], sysctls: readonly string[]): SeenNetwork {
  const links = socket.links();
  const names = deviceNames(links);
  const nameOf = (index: number | undefined): string => (index === undefined ? undefined : names.get(index)) ?? `#${index ?? 'none'}`;
  const placeOf = placesById(socket, others);
  return {
    devices: links.map((link) => deviceOf(link, names, place, placeOf)),
    addresses: socket.addresses('inet').map(({ linkIndex, address }) => {
      const [ip = '', prefixLength] = address.split('/');
      return { device: nameOf(linkIndex), address: ip, prefixLength: Number(prefixLength) };
    }),
    routes: socket.routes({ family: 'inet' }).flatMap((route) => routesOf(route, nameOf)),
    rules: socket.rules('inet').sort((one, other) => one.priority - other.priority),
    neighbours: socket.neighbours('inet').map(({ linkIndex, address, macAddress, state }) => ({ device: nameOf(linkIndex), address, mac: macAddress ?? null, state: String(state) })),
    forwarding: links
      .filter(({ kind }) => kind === 'vxlan')
      .flatMap(({ index, name }) => socket.forwardingEntries(index).map(({ macAddress, destination }) => ({ device: name, mac: macAddress, destination: destination ?? '' }))),
    sysctls: Object.fromEntries(sysctls.flatMap((path): [string, string][] => {
      const value = readSysctl(path.split('/'), namespace);
      return value === undefined ? [] : [[path, value]];
    })),
  };
}

export function deviceNames(links: readonly Link[]): Map<number, string> {
  return new Map(links.map(({ index, name }) => [index, name]));
}

/** What this namespace's number for another stands for. The kernel gives numbers when it lists cables: links come first. */
function placesById(socket: RouteNetlink, others: readonly OtherPlace[]): ReadonlyMap<number, OtherPlace> {
  return new Map(others.flatMap((other): [number, OtherPlace][] => {
    const id = socket.namespaceId(other.namespace);
    return id === undefined ? [] : [[id, other]];
  }));
}

function deviceOf(link: Link, names: ReadonlyMap<number, string>, place: Place, places: ReadonlyMap<number, OtherPlace>): SeenDevice {
  const { kind = '', peerIndex, peerNamespaceId } = link;
  const far = peerNamespaceId === undefined ? { place, devices: names } : places.get(peerNamespaceId);
  const farDevice = peerIndex === undefined ? undefined : far?.devices.get(peerIndex);
  return {
    name: link.name,
    kind,
    isUp: link.isUp,
    // Devices that know nothing of a carrier (loopback, VXLAN) say "unknown".
    isRunning: link.isUp && (link.operationalState === 'up' || link.operationalState === 'unknown'),
    mac: link.macAddress ?? null,
    master: link.masterIndex === undefined ? null : (names.get(link.masterIndex) ?? null),
    peer: kind === 'veth' && far !== undefined && farDevice !== undefined ? { place: far.place, device: farDevice } : null,
    underlay: kind === 'vxlan' ? (far?.place ?? null) : null,
  };
}

/** A route by several next hops is as many routes: any of them may be taken, the first stands for all. */
function routesOf(route: Route, nameOf: (index: number | undefined) => string): SeenRoute[] {
  const common = { destination: route.destination, table: route.table, type: String(route.type), metric: route.metric ?? 0 };
  if (route.nextHops !== undefined) return route.nextHops.map(({ linkIndex, gateway }) => ({ ...common, device: nameOf(linkIndex), via: gateway ?? null }));
  return [{ ...common, device: route.linkIndex === undefined ? null : nameOf(route.linkIndex), via: route.gateway ?? null }];
}
