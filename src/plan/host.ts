/**
 * The host: published ports are DNATed over the gateway bridge to the sandbox.
 *
 * client ─▶ nat PREROUTING (or OUTPUT for the node's own) ─▶ MESH-INGRESS: DNAT ─▶ filter FORWARD ─▶ MESH-INGRESS:
 * accept ─▶ mesh_gwbridge
 */
import { hostOf, macOf, prefixLengthOf } from './addresses.js';
import type { PlanContext } from './context.js';
import { hostGatewayPort, sandboxGatewayDevice, vxlan } from './devices.js';
import type { IptablesPlan } from './iptables.js';
import type { PlacePlan } from './node-plan.js';
import type { Peer } from './peers.js';
import { placePlan } from './place.js';
import type { PlannedPort } from './ports.js';
import * as rules from './rules.js';

export function planHost(context: PlanContext, peers: readonly Peer[], planned: readonly PlannedPort[]): PlacePlan {
  const ports = planned.filter((port) => port.accepting);
  const { names, gatewaySubnet } = context.settings;
  const gateway = hostOf(gatewaySubnet, 1);
  return placePlan({
    place: 'host',
    namespace: null,
    links: [
      { kind: 'bridge', name: names.gatewayBridge, mac: macOf(gateway, 'bridge'), mtu: context.underlayMtu },
      {
        kind: 'veth',
        name: hostGatewayPort,
        mac: macOf(gateway, 'sandbox'),
        mtu: context.underlayMtu,
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
    iptables: planHostRules(context, peers, ports),
    // dockerd holds the ports that it publishes itself; taking them first would keep it from doing so.
    placeholders: ports
      .filter((port) => port.spec.publishedBy !== 'swarm')
      .map((port) => ({ protocol: port.protocol, port: port.published })),
  });
}

function planHostRules(context: PlanContext, peers: readonly Peer[], ports: readonly PlannedPort[]): IptablesPlan {
  const { names, gatewaySubnet } = context.settings;
  const { chain, gatewayBridge } = names;
  const sandbox = hostOf(gatewaySubnet, 2);
  return {
    chains: [
      {
        table: 'nat',
        chain,
        rules: [...ports.map((port) => rules.publish(port.protocol, port.published, sandbox)), rules.jump('RETURN')],
      },
      {
        table: 'filter',
        chain,
        rules: [
          rules.acceptKnownToSandbox(sandbox, gatewayBridge),
          rules.acceptKnownFromSandbox(sandbox, gatewayBridge),
          ...ports.map((port) => rules.acceptNewToSandbox(port.protocol, port.published, sandbox, gatewayBridge)),
          rules.jump('RETURN'),
        ],
      },
      // VXLAN knows no passwords: only who is a peer may speak it to the fabric.
      { table: 'filter', chain: peersChainOf(chain), rules: [...peers.map((peer) => rules.letPeer(peer.address)), rules.jump('DROP')] },
    ],
    guests: [
      { table: 'nat', chain: 'PREROUTING', placement: 'first', rule: rules.jumpForLocalDestinations(chain) },
      { table: 'nat', chain: 'OUTPUT', placement: 'first', rule: rules.jumpForLocalDestinations(chain) },
      { table: 'nat', chain: 'POSTROUTING', placement: 'anywhere', rule: rules.masqueradeOwnConnections(gatewayBridge) },
      { table: 'filter', chain: 'FORWARD', placement: 'after-docker-user', rule: rules.jump(chain) },
      { table: 'filter', chain: 'INPUT', placement: 'first', rule: rules.sortOutVxlan(vxlan.port, peersChainOf(chain)) },
      { table: 'filter', chain: 'INPUT', placement: 'first', rule: rules.dropMartians(gatewayBridge) },
    ],
  };
}

/** The chain that VXLAN from elsewhere passes, named after ours. */
export function peersChainOf(chain: string): string {
  return `${chain}-PEERS`;
}
