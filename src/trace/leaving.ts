/** A packet leaves a place: by a route, over a cable, to a neighbour's hardware address. */
import type { HopStep } from './hop.js';
import { hopPlaceOf } from './hook.js';
import type { Observation, SeenDevice, SeenPlace, SeenRoute } from './observation.js';
import type { Packet } from './packet.js';
import { byController } from './repair.js';
import { routed, routeQuestion, type Routing } from './routing.js';
import type { Way } from './way.js';
import { command } from './words.js';

export interface Departure {
  readonly route: SeenRoute;
  readonly device: SeenDevice;
  /** Who is asked for on the device. */
  readonly nextHop: string;
}

type From = Pick<SeenPlace, 'place' | 'name' | 'enter' | 'network'>;

export interface RouteOptions {
  readonly isRight: (device: SeenDevice) => boolean;
  /** Where the right devices lead, for people: `by a cable to mesh_fabric`. */
  readonly towards: string;
  readonly step?: HopStep;
}

/** By the route that the packet takes, when that is by one of the right devices. */
export function passRoute(way: Way, seen: Observation, from: From, packet: Packet, options: RouteOptions): Departure | null {
  const { destination } = packet;
  const found = routed(from.network, packet);
  const device = found.type === 'route' ? from.network.devices.find(({ name }) => name === found.route.device) : undefined;
  const hop = { place: hopPlaceOf(from), name: from.name, step: options.step ?? 'route', what: `${destination} ${wordsOf(found, from)}`, commands: [command(from, ...routeQuestion(packet))] };
  const wrong = problemOf(found, device, destination, options);
  if (wrong !== null || found.type !== 'route' || device === undefined) {
    way.end(hop, { why: wrong ?? `${destination} is routed nowhere`, remedy: byController(seen) });
    return null;
  }
  way.pass(hop);
  return { route: found.route, device, nextHop: found.route.via ?? destination };
}

function wordsOf(found: Routing, { name }: From): string {
  switch (found.type) {
    case 'route': {
      const { route } = found;
      return `${route.via === null ? '' : `via ${route.via} `}dev ${route.device ?? 'none'}${route.destination === '0.0.0.0/0' ? ' (the default route)' : ''}`;
    }
    case 'local':
      return `is an address of ${name} itself`;
    case 'refused':
      return `is refused (${found.word})`;
    case 'none':
      return 'has no route';
  }
}

function problemOf(found: Routing, device: SeenDevice | undefined, destination: string, { towards, isRight }: RouteOptions): string | null {
  switch (found.type) {
    case 'none':
      return `no route leads to ${destination}`;
    case 'refused':
      return `a route or a rule refuses ${destination} (${found.word})`;
    case 'local':
      return `${destination} should be reached ${towards}, and is an address of this place itself`;
    case 'route':
      if (device === undefined || !isRight(device)) {
        const way = `leads by ${found.route.device ?? 'no device'}, not ${towards}`;
        return found.route.destination === '0.0.0.0/0' ? `the route to ${destination} is missing: the default route is taken, and ${way}` : `the route to ${destination} ${way}`;
      }
      return null;
  }
}

/** The cable is plugged in at both ends and up, and nobody gave the far end another hardware address. Told only where it is not. */
export function passCable(way: Way, seen: Observation, from: From, departure: Departure, cable: SeenDevice, far: { readonly name: string; readonly device: SeenDevice | undefined }): boolean {
  const { device, nextHop } = departure;
  const common = { place: hopPlaceOf(from), name: from.name } as const;
  for (const part of device === cable ? [cable] : [device, cable]) {
    if (part.isRunning) continue;
    const why = part.isUp ? `${part.name} is up, but the other end of its cable is not` : `${part.name} is down`;
    way.end({ ...common, step: 'cable', what: `leaves by ${part.name}`, commands: [command(from, 'ip', '-d', 'link', 'show', part.name)] }, { why, remedy: byController(seen) });
    return false;
  }
  const known = from.network.neighbours.find((each) => each.device === device.name && each.address === nextHop);
  const mac = far.device?.mac ?? null;
  if (known?.mac === undefined || known.mac === null || mac === null || known.mac === mac) return true;
  way.end(
    { ...common, step: 'neighbour', what: `${nextHop} is taken for ${known.mac}`, commands: [command(from, 'ip', 'neigh', 'show', nextHop, 'dev', device.name)] },
    { why: `${far.name} has another hardware address, ${mac}: what is sent to ${known.mac} is nobody’s`, remedy: byController(seen) },
  );
  return false;
}
