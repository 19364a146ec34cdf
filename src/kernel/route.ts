/**
 * IPv4 routes. Those that the kernel derives from addresses (protocol kernel, table local) are none of ours anywhere;
 * in namespaces of others only routes with our protocol number are.
 */
import { addRoute, deleteRoute, replaceRoute, type NetlinkMessage, type Route as KernelRoute } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Route } from '../plan/objects.js';
import { sendEach } from './batch.js';
import type { OpenPlace } from './machine.js';
import { routeProtocol } from './marks.js';
import { ownsWholly } from './ownership.js';
import { applying, diffObjects, objectOf, observing, type ObjectChange, type ObjectKind, type Reconciler } from './reconciler.js';
import type { ObservedRoute } from './state.js';

export type RouteChange = ObjectChange<'route', Route, ObservedRoute>;

/** RTPROT_KERNEL and RT_TABLE_LOCAL, linux/rtnetlink.h. */
const protocolOfKernel = 2;
const localTable = 255;

const routes: ObjectKind<Route, ObservedRoute> = {
  keyOf: (route: ObservedRoute) => `${route.table} ${route.destination}${route.raw === undefined ? '' : ` ${oddness(route.raw)}`}`,
  equal: (desired, observed) => wordsOf(desired) === wordsOf(observed),
  describe: (route: ObservedRoute) => `route ${wordsOf(route)}${route.raw === undefined ? '' : ` (${oddness(route.raw)})`}`,
  difference: (_desired, observed) => `(was ${wordsOf(observed)})`,
  deviceOf: ({ device }) => device,
};

export const routeReconciler: Reconciler<'route', RouteChange> = {
  observe: observing(readRoutes),
  diff: (pairs) => pairs.flatMap(({ desired, observed }) => diffObjects('route', desired.place, routes, desired.routes, observed.route)),
  apply: applying((open, changes, machine) => {
    const wholly = machine.locationOf(open.place)?.named === true;
    return sendEach(open, inOrder(changes), (change) => messagesOf(open, change, wholly));
  }),
};

function messagesOf(open: OpenPlace, change: RouteChange, wholly: boolean): NetlinkMessage[] {
  if (change.desired === null) {
    const { raw, ...observed }: ObservedRoute = objectOf(change);
    const route = raw ?? kernelRouteOf(open, observed);
    return [deleteRoute(wholly ? route : { ...route, protocol: routeProtocol })];
  }
  const route = { ...kernelRouteOf(open, change.desired), protocol: routeProtocol };
  // In a namespace of others a route that is in the way is somebody else's: EEXIST says so. Only our own is replaced.
  return [wholly || change.action === 'change' ? replaceRoute(route) : addRoute(route)];
}

/** Routes by a gateway after the direct ones that make the gateway reachable. */
function inOrder(changes: readonly RouteChange[]): RouteChange[] {
  return [...changes].sort((a, b) => Number(a.desired?.via !== undefined) - Number(b.desired?.via !== undefined));
}

function kernelRouteOf(open: OpenPlace, route: Route): Pick<KernelRoute, 'destination'> & Partial<KernelRoute> {
  return {
    destination: route.destination,
    table: route.table,
    linkIndex: open.indexOf(route.device),
    gateway: route.via,
    onlink: route.onlink ?? false,
    source: route.source,
  };
}

function readRoutes(open: OpenPlace, plan: PlacePlan): ObservedRoute[] {
  return open
    .routes()
    .routes({ family: 'inet' })
    .filter(({ table, protocol }) => (ownsWholly(plan) ? table !== localTable && protocol !== protocolOfKernel : protocol === routeProtocol))
    .map((route) => ({
      destination: route.destination,
      table: route.table,
      device: open.nameOf(route.linkIndex),
      ...(route.gateway === undefined ? {} : { via: route.gateway }),
      ...(route.onlink ? { onlink: true } : {}),
      ...(route.source === undefined ? {} : { source: route.source }),
      ...(oddness(route) === '' ? {} : { raw: route }),
    }));
}

/** What sets a route apart from all that a plan can mean; empty for none. */
function oddness(route: KernelRoute): string {
  return [
    route.type === 'unicast' ? '' : String(route.type),
    route.metric === undefined ? '' : `metric ${route.metric}`,
    route.nextHops === undefined ? '' : 'multipath',
  ]
    .filter((word) => word !== '')
    .join(' ');
}

function wordsOf({ destination, table, device, via, onlink, source }: Route): string {
  return [
    destination === '0.0.0.0/0' ? 'default' : destination,
    via === undefined ? '' : `via ${via}`,
    `dev ${device}`,
    onlink === true ? 'onlink' : '',
    source === undefined ? '' : `src ${source}`,
    table === 254 ? '' : `table ${table}`,
  ]
    .filter((word) => word !== '')
    .join(' ');
}
