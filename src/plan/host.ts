/**
 * The host: published ports are DNATed over the gateway bridge to the sandbox.
 *
 * client ─▶ nat PREROUTING (or OUTPUT for the node's own) ─▶ MESH-INGRESS: DNAT ─▶ filter FORWARD ─▶ MESH-INGRESS:
 * accept ─▶ mesh_gwbridge
 */
import type { Condition } from '../cluster/condition.js';
import type { PublishedPort } from '../cluster/state.js';
import { hostOf, macOf, prefixLengthOf } from './addresses.js';
import type { PlanContext } from './context.js';
import { hostGatewayPort, sandboxGatewayDevice, vxlan } from './devices.js';
import type { GuestRule, IptablesPlan, RuleWords } from './iptables.js';
import type { PlanMemory } from './memory.js';
import type { PlacePlan } from './node-plan.js';
import type { Placeholder } from './objects.js';
import type { Peer } from './peers.js';
import { placePlan } from './place.js';
import * as rules from './rules.js';
import { matchesBySets, noSets, planPortSets, portSetName, protocolsOf } from './sets.js';

/** `ports`: those that take connections. */
export function planHost(memory: PlanMemory, context: PlanContext, peers: readonly Peer[], ports: readonly PublishedPort[]): PlacePlan {
  const placeholders = placeholdersOf(memory, ports);
  return placePlan({
    place: 'host',
    namespace: null,
    ...memory.value('host devices', [context.settings, context.underlayMtu], () => hostDevices(context)),
    sets: matchesBySets(context, ports.length) ? planPortSets(memory, 'host', ports, false) : noSets,
    iptables: planHostRules(memory, context, peers, ports),
    // dockerd holds the ports that it publishes itself; taking them first would keep it from doing so.
    placeholders: memory.value('held placeholders', [placeholders, context.mostPlaceholders], () => placeholders.slice(0, context.mostPlaceholders)),
  });
}

function placeholdersOf(memory: PlanMemory, ports: readonly PublishedPort[]): readonly Placeholder[] {
  return memory.flatMap('placeholders', ports, [], ({ publishedBy, protocol, published: port }) => (publishedBy === 'swarm' ? [] : [{ protocol, port }]));
}

/** Ports that this process can't hold are served all the same. */
export function placeholderConditions(memory: PlanMemory, context: PlanContext, ports: readonly PublishedPort[]): readonly Condition[] {
  const { nodeId, mostPlaceholders } = context;
  const wanted = placeholdersOf(memory, ports).length;
  return memory.value('placeholder conditions', [wanted, mostPlaceholders, nodeId], () => mostPlaceholders === undefined || wanted <= mostPlaceholders ? [] : [{
    reason: 'PlaceholdersShort',
    object: { kind: 'node', id: nodeId, name: nodeId },
    message: `${wanted - mostPlaceholders} of ${wanted} published ports are served but not held by a socket, so that another program could take them: the controller may open too few files; raise LimitNOFILE (systemd), ulimits (compose) or \`ulimit -n\``,
  }]);
}

function hostDevices({ settings: { names, gatewaySubnet }, underlayMtu: mtu }: PlanContext): Pick<PlacePlan, 'links' | 'addresses' | 'sysctls'> {
  const gateway = hostOf(gatewaySubnet, 1);
  return {
    links: [
      { kind: 'bridge', name: names.gatewayBridge, mac: macOf(gateway, 'bridge'), mtu },
      {
        kind: 'veth',
        name: hostGatewayPort,
        mac: macOf(gateway, 'sandbox'),
        mtu,
        master: names.gatewayBridge,
        peer: { place: 'sandbox', name: sandboxGatewayDevice },
        owner: true,
      },
    ],
    addresses: [{ device: names.gatewayBridge, address: gateway, prefixLength: prefixLengthOf(gatewaySubnet) }],
    sysctls: [
      { path: 'net/ipv4/ip_forward', value: '1' },
      { path: `net/ipv4/conf/${names.gatewayBridge}/route_localnet`, value: '1' },
      { path: `net/ipv6/conf/${names.gatewayBridge}/disable_ipv6`, value: '1', optional: true },
    ],
  };
}

/** The end of our chains: what is none of ours goes on. */
const leave: readonly RuleWords[] = [rules.jump('RETURN')];

/** What is asked of each port: rule by rule, or of the set of each protocol. */
function portRules(memory: PlanMemory, context: PlanContext, ports: readonly PublishedPort[]): { readonly publications: readonly RuleWords[]; readonly acceptances: readonly RuleWords[] } {
  const { gatewayBridge } = context.settings.names;
  const sandbox = hostOf(context.settings.gatewaySubnet, 2);
  if (matchesBySets(context, ports.length)) {
    memory.forget('publications', 'acceptances');
    const protocols = protocolsOf(memory, 'host', ports);
    return memory.value('host set rules', [protocols, sandbox, gatewayBridge], () => ({
      publications: protocols.map((protocol) => rules.publishSet(protocol, portSetName(protocol), sandbox)),
      acceptances: protocols.map((protocol) => rules.acceptNewOfSet(protocol, portSetName(protocol), sandbox, gatewayBridge)),
    }));
  }
  return {
    publications: memory.map('publications', ports, [sandbox], ({ protocol, published }) => rules.publish(protocol, published, sandbox)),
    acceptances: memory.map('acceptances', ports, [sandbox, gatewayBridge], ({ protocol, published }) => rules.acceptNewToSandbox(protocol, published, sandbox, gatewayBridge)),
  };
}

function planHostRules(memory: PlanMemory, context: PlanContext, peers: readonly Peer[], ports: readonly PublishedPort[]): IptablesPlan {
  const { names: { chain, gatewayBridge }, gatewaySubnet } = context.settings;
  const sandbox = hostOf(gatewaySubnet, 2);
  const { publications, acceptances } = portRules(memory, context, ports);
  const known = memory.value('known connections', [sandbox, gatewayBridge], () => [rules.acceptKnownToSandbox(sandbox, gatewayBridge), rules.acceptKnownFromSandbox(sandbox, gatewayBridge)]);
  return memory.value('host rules', [publications, acceptances, known, peers, chain, gatewayBridge], () => ({
    chains: [
      { table: 'nat', chain, rules: memory.join('nat chain', publications, leave) },
      {
        table: 'filter',
        chain,
        rules: memory.join('filter chain', known, acceptances, leave),
      },
      // VXLAN knows no passwords: only who is a peer may speak it to the fabric.
      { table: 'filter', chain: peersChainOf(chain), rules: [...peers.map((peer) => rules.letPeer(peer.address)), rules.jump('DROP')] },
    ],
    guests: [
      { table: 'nat', chain: 'PREROUTING', placement: 'first', rule: rules.jumpForLocalDestinations(chain) },
      { table: 'nat', chain: 'OUTPUT', placement: 'first', rule: rules.jumpForLocalDestinations(chain) },
      { table: 'nat', chain: 'POSTROUTING', placement: 'anywhere', rule: rules.masqueradeOwnConnections(gatewayBridge) },
      { table: 'filter', chain: 'FORWARD', placement: 'after-docker-user', rule: rules.jump(chain) },
      ...(peers.length === 0 ? [] : untrackedTunnel),
      { table: 'filter', chain: 'INPUT', placement: 'first', rule: rules.sortOutVxlan(vxlan.port, peersChainOf(chain)) },
      { table: 'filter', chain: 'INPUT', placement: 'first', rule: rules.dropMartians(gatewayBridge) },
    ],
  }));
}

/** Where there are peers. */
export const untrackedTunnel: readonly GuestRule[] = [
  { table: 'raw', chain: 'PREROUTING', placement: 'anywhere', rule: rules.leaveVxlanUntracked(vxlan.port) },
  { table: 'raw', chain: 'OUTPUT', placement: 'anywhere', rule: rules.leaveOwnVxlanUntracked(vxlan.port) },
];

/** The chain that VXLAN from elsewhere passes, named after ours. */
export function peersChainOf(chain: string): string {
  return `${chain}-PEERS`;
}
