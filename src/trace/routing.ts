/** Which way a packet is routed: the policy rules in their order, in each table the longest prefix. Pure, IPv4. */
import type { Rule as RoutingRule } from '../../native/index.js';
import type { Ipv4Address } from '../cluster/state.js';
import { protocolNumbers } from '../plan/fwmark.js';
import type { SeenNetwork, SeenRoute } from './observation.js';
import type { Packet } from './packet.js';
import { isInPrefix } from './rules/addresses.js';

export type Routing =
  | { readonly type: 'route'; readonly route: SeenRoute; readonly rule: RoutingRule }
  /** To this namespace itself. */
  | { readonly type: 'local' }
  /** A rule or a route says no: `blackhole`, `unreachable`, `prohibit`. */
  | { readonly type: 'refused'; readonly word: string }
  | { readonly type: 'none' };

type Question = Pick<Packet, 'protocol' | 'source' | 'sourcePort' | 'destination' | 'destinationPort' | 'mark' | 'inputDevice'>;

/** fib_rules_lookup() of net/core/fib_rules.c, fib_table_lookup() of net/ipv4/fib_trie.c. */
export function routed({ rules, routes }: Pick<SeenNetwork, 'rules' | 'routes'>, packet: Question): Routing {
  for (const rule of rules) {
    if (!selects(rule, packet)) continue;
    if (rule.action === 'blackhole' || rule.action === 'unreachable' || rule.action === 'prohibit') return { type: 'refused', word: rule.action };
    if (rule.action !== 'lookup') continue;
    const route = bestRoute(routes, rule.table, packet.destination);
    if (route === null || route.type === 'throw') continue;
    if (rule.suppressPrefixLength !== undefined && prefixLength(route) <= rule.suppressPrefixLength) continue;
    if (route.type === 'local' || route.type === 'broadcast') return { type: 'local' };
    return route.type === 'unicast' ? { type: 'route', route, rule } : { type: 'refused', word: route.type };
  }
  return { type: 'none' };
}

/** `ip route get` for it, in words that can be typed. */
export function routeQuestion(packet: Question): string[] {
  const from = packet.inputDevice === null || packet.inputDevice === undefined ? [] : ['from', packet.source, 'iif', packet.inputDevice];
  return ['ip', 'route', 'get', packet.destination, ...from];
}

function selects(rule: RoutingRule, packet: Question): boolean {
  const { from, to, inputInterface, fwmark, fwmask, ipProtocol, sourcePorts, destinationPorts, outputInterface } = rule;
  const holds =
    (from === undefined || isIn(packet.source, from)) &&
    (to === undefined || isIn(packet.destination, to)) &&
    // What is made here comes in by the loopback device (flowi4_iif of net/ipv4/route.c).
    (inputInterface === undefined || inputInterface === (packet.inputDevice ?? 'lo')) &&
    // Only sockets that are bound to a device ask for one.
    outputInterface === undefined &&
    (fwmark === undefined || ((packet.mark ^ fwmark) & (fwmask ?? 0xffffffff)) === 0) &&
    (ipProtocol === undefined || ipProtocol === protocolNumbers[packet.protocol]) &&
    (sourcePorts === undefined || isBetween(packet.sourcePort, sourcePorts)) &&
    (destinationPorts === undefined || isBetween(packet.destinationPort, destinationPorts));
  return holds !== rule.isInverted;
}

function bestRoute(routes: readonly SeenRoute[], table: number | undefined, destination: Ipv4Address): SeenRoute | null {
  let best: SeenRoute | null = null;
  for (const route of routes) {
    if (route.table !== table || !isIn(destination, route.destination)) continue;
    if (best === null || prefixLength(route) > prefixLength(best) || (prefixLength(route) === prefixLength(best) && route.metric < best.metric)) best = route;
  }
  return best;
}

function isIn(address: Ipv4Address, prefix: string): boolean {
  return isInPrefix(address, prefix) === 'yes';
}

function prefixLength({ destination }: SeenRoute): number {
  return Number(destination.split('/')[1] ?? 32);
}

function isBetween(port: number, { first, last }: { readonly first: number; readonly last: number }): boolean {
  return port >= first && port <= last;
}
