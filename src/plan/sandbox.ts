/**
 * The sandbox: IPVS and nothing else.
 *
 * eth1 ─▶ mangle PREROUTING: mark by published port ─▶ IPVS by mark, masquerading: identity:target ─▶ eth0 (the fabric)
 */
import type { Ipv4Address, PublishedPort, Task } from '../cluster/state.js';
import { fabricGateway, fabricGatewayMac, hostOf, macOf, prefixLengthOf } from './addresses.js';
import type { PlanContext } from './context.js';
import { fabricSandboxDevice, hostGatewayPort, sandboxFabricDevice, sandboxGatewayDevice } from './devices.js';
import { withDistinct, type Distinct } from './distinct.js';
import type { IptablesPlan, RuleWords } from './iptables.js';
import type { PlanMemory } from './memory.js';
import { fwmarkOf } from './fwmark.js';
import type { PlacePlan } from './node-plan.js';
import type { IpvsTimeouts, Route, Sysctl, VirtualService } from './objects.js';
import { fabricMtu } from './fabric.js';
import { replyTranslations, replyZones } from './one-packet.js';
import type { Peer } from './peers.js';
import { mainTable, placePlan, routerSysctls } from './place.js';
import type { PlannedPort } from './ports.js';
import * as rules from './rules.js';
import { matchesBySets, noSets, planPortSets, portSetName, protocolsOf } from './sets.js';

/**
 * An idle TCP connection with the kernel's default keepalive is probed after 7,200 s and given up 9 probes of 75 s later
 * (tcp(7)); IPVS must remember it longer than that. IPVS's own default is 900 s.
 */
export const ipvsTimeouts: IpvsTimeouts = { tcp: 7_200 + 9 * 75 + 125, tcpFin: 120, udp: 300 };

/** `tasks`: those that are served; `accepting`: those of the ports that take connections. */
export function planSandbox(memory: PlanMemory, context: PlanContext, router: Ipv4Address, peers: readonly Peer[], tasks: readonly Task[], ports: readonly PlannedPort[], accepting: readonly PublishedPort[]): PlacePlan {
  const { names, gatewaySubnet } = context.settings;
  const address = hostOf(gatewaySubnet, 2);
  const devices = memory.value('sandbox devices', [context.settings, context.underlayMtu, context.kernelRelease, router], () => sandboxDevices(context, router, address));
  const { items: identities } = memory.value('identities', [tasks], (last: Distinct<Task> | undefined) => withDistinct(last, tasks, ({ identity: { address } }) => address));
  return placePlan({
    place: 'sandbox',
    namespace: { path: `/run/netns/${names.sandbox}`, named: true },
    ...devices,
    routes: memory.join<Route>(
      'sandbox routes',
      memory.value('sandbox default route', [gatewaySubnet], () => [{ destination: '0.0.0.0/0', table: mainTable, device: sandboxGatewayDevice, via: hostOf(gatewaySubnet, 1) }]),
      memory.map('routes to identities', identities, [router], ({ identity }) => routeToFabric(identity.address, router)),
      // Peers' sandboxes too: whether a peer is there is asked on the way that traffic takes.
      memory.map('routes to peers', peers, [router], (peer) => routeToFabric(peer.router, router)),
    ),
    sets: matchesBySets(context, accepting.length) ? planPortSets(memory, 'sandbox', accepting, true) : noSets,
    iptables: planSandboxRules(memory, context, router, address, ports, accepting),
    virtualServices: memory.map('virtual services', ports, [], virtualService),
    ipvsTimeouts,
  });
}

function routeToFabric(address: Ipv4Address, router: Ipv4Address): Route {
  return { destination: `${address}/32`, table: mainTable, device: sandboxFabricDevice, via: fabricGateway, onlink: true, source: router };
}

function sandboxDevices(context: PlanContext, router: Ipv4Address, address: Ipv4Address): Pick<PlacePlan, 'links' | 'addresses' | 'neighbours' | 'sysctls'> {
  return {
    links: [
      { kind: 'veth', name: sandboxFabricDevice, mac: macOf(router, 'sandbox'), mtu: fabricMtu(context), peer: { place: 'fabric', name: fabricSandboxDevice }, owner: false },
      { kind: 'veth', name: sandboxGatewayDevice, mac: macOf(address, 'sandbox'), mtu: context.underlayMtu, peer: { place: 'host', name: hostGatewayPort }, owner: false },
    ],
    addresses: [
      { device: sandboxFabricDevice, address: router, prefixLength: 32 },
      { device: sandboxGatewayDevice, address, prefixLength: prefixLengthOf(context.settings.gatewaySubnet) },
    ],
    neighbours: [{ device: sandboxFabricDevice, address: fabricGateway, mac: fabricGatewayMac }],
    sysctls: [...routerSysctls([sandboxFabricDevice, sandboxGatewayDevice]), ...ipvsSysctls(context.kernelRelease)],
  };
}

function planMarks(memory: PlanMemory, context: PlanContext, accepting: readonly PublishedPort[]): readonly RuleWords[] {
  if (matchesBySets(context, accepting.length)) {
    memory.forget('marks');
    return memory.map('marks by set', protocolsOf(memory, 'sandbox', accepting), [], (protocol) => rules.markBySet(sandboxGatewayDevice, protocol, portSetName(protocol)));
  }
  return memory.map('marks', accepting, [], ({ protocol, published }) => rules.mark(sandboxGatewayDevice, protocol, published, fwmarkOf(protocol, published)));
}

/** Ports that need a rule of their own (`snat`, `one-packet`) have it behind the marks, by which they are known in either form. */
function planSandboxRules(memory: PlanMemory, context: PlanContext, router: Ipv4Address, address: Ipv4Address, ports: readonly PlannedPort[], accepting: readonly PublishedPort[]): IptablesPlan {
  const marks = planMarks(memory, context, accepting);
  const translations = memory.join(
    'sandbox translations',
    memory.flatMap('source translations', ports, [router], (port) => (port.spec.policy.sourceAddress === 'snat' ? [rules.translateSource(port.fwmark, router)] : [])),
    replyTranslations(memory, ports, address),
  );
  return {
    chains: [
      { table: 'mangle', chain: 'PREROUTING', policy: 'ACCEPT', rules: marks },
      { table: 'nat', chain: 'POSTROUTING', policy: 'ACCEPT', rules: translations },
      ...replyZones(memory, ports),
    ],
    guests: [],
  };
}

function virtualService(port: PlannedPort): VirtualService {
  return {
    fwmark: port.fwmark,
    scheduler: port.spec.policy.scheduler,
    affinitySeconds: port.spec.policy.affinitySeconds,
    onePacket: port.onePacket,
    destinations: port.backends.map(({ address, port: number, weight }) => ({ address, port: number, weight })),
  };
}

/** Documentation/networking/ipvs-sysctl.rst of the kernel. */
function ipvsSysctls(kernelRelease: string): Sysctl[] {
  return [
    // Connection tracking sees IPVS's connections: `snat` translates them, and replies count as ESTABLISHED.
    { path: 'net/ipv4/vs/conntrack', value: '1' },
    // A removed real server's connections end at once instead of hanging, and its persistence templates with them. So do
    // UDP flows, whose clients would go on sending to nobody: IPVS takes its entry and connection tracking's away
    // (ip_vs_conn_expire() calls ip_vs_conn_drop_conntrack()), and the flow's next datagram is scheduled anew. Since
    // Linux 5.9 (commit 04231e52d355) within a tick of the removal, before that at the cost of the flow's next datagram.
    // The fabric's entry names the removed task; the flow's new one is another entry, so it needs no deletion.
    { path: 'net/ipv4/vs/expire_nodest_conn', value: '1' },
    { path: 'net/ipv4/vs/expire_quiescent_template', value: '1' },
    // Below 5.9 a reused client port waits a second for conntrack (commit f0a5e4d7a594 of the kernel); 0 avoids that.
    ...(isKernelBefore(kernelRelease, 5, 9) ? [{ path: 'net/ipv4/vs/conn_reuse_mode', value: '0' }] : []),
  ];
}

function isKernelBefore(release: string, major: number, minor: number): boolean {
  const [ourMajor = 0, ourMinor = 0] = release.split('.').map((part) => Number.parseInt(part, 10));
  return ourMajor < major || (ourMajor === major && ourMinor < minor);
}
