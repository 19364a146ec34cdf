/**
 * The sandbox: IPVS and nothing else.
 *
 * eth1 ─▶ mangle PREROUTING: mark by published port ─▶ IPVS by mark, masquerading: identity:target ─▶ eth0 (the fabric)
 */
import { fabricGateway, fabricGatewayMac, hostOf, macOf, prefixLengthOf } from './addresses.js';
import type { PlanContext } from './context.js';
import { fabricSandboxDevice, hostGatewayPort, sandboxFabricDevice, sandboxGatewayDevice } from './devices.js';
import type { PlacePlan } from './node-plan.js';
import type { IpvsTimeouts, Sysctl, VirtualService } from './objects.js';
import { fabricMtu } from './fabric.js';
import { replyTranslations, replyZones } from './one-packet.js';
import type { Peer } from './peers.js';
import { mainTable, placePlan, routerSysctls } from './place.js';
import type { PlannedPort } from './ports.js';
import * as rules from './rules.js';

/**
 * An idle TCP connection with the kernel's default keepalive is probed after 7,200 s and given up 9 probes of 75 s later
 * (tcp(7)); IPVS must remember it longer than that. IPVS's own default is 900 s.
 */
export const ipvsTimeouts: IpvsTimeouts = { tcp: 7_200 + 9 * 75 + 125, tcpFin: 120, udp: 300 };

export function planSandbox(context: PlanContext, router: string, peers: readonly Peer[], ports: readonly PlannedPort[]): PlacePlan {
  const { names, gatewaySubnet } = context.settings;
  const address = hostOf(gatewaySubnet, 2);
  const identities = [...new Set(ports.flatMap((port) => port.backends.map((backend) => backend.address)))].sort();
  return placePlan({
    place: 'sandbox',
    namespace: { path: `/run/netns/${names.sandbox}`, named: true },
    links: [
      { kind: 'veth', name: sandboxFabricDevice, mac: macOf(router, 'sandbox'), mtu: fabricMtu(context), peer: { place: 'fabric', name: fabricSandboxDevice }, owner: false },
      { kind: 'veth', name: sandboxGatewayDevice, mac: macOf(address, 'sandbox'), mtu: context.underlayMtu, peer: { place: 'host', name: hostGatewayPort }, owner: false },
    ],
    addresses: [
      { device: sandboxFabricDevice, address: router, prefixLength: 32 },
      { device: sandboxGatewayDevice, address, prefixLength: prefixLengthOf(gatewaySubnet) },
    ],
    neighbours: [{ device: sandboxFabricDevice, address: fabricGateway, mac: fabricGatewayMac }],
    routes: [
      { destination: '0.0.0.0/0', table: mainTable, device: sandboxGatewayDevice, via: hostOf(gatewaySubnet, 1) },
      // Peers' sandboxes too: whether a peer is there is asked on the way that traffic takes.
      ...[...identities, ...peers.map((peer) => peer.router)].map((address) => ({
        destination: `${address}/32`,
        table: mainTable,
        device: sandboxFabricDevice,
        via: fabricGateway,
        onlink: true,
        source: router,
      })),
    ],
    sysctls: [...routerSysctls([sandboxFabricDevice, sandboxGatewayDevice]), ...ipvsSysctls(context.kernelRelease)],
    iptables: {
      chains: [
        {
          table: 'mangle',
          chain: 'PREROUTING',
          policy: 'ACCEPT',
          rules: ports.filter((port) => port.accepting).map((port) => rules.mark(sandboxGatewayDevice, port.protocol, port.published, port.fwmark)),
        },
        {
          table: 'nat',
          chain: 'POSTROUTING',
          policy: 'ACCEPT',
          rules: [
            ...ports.filter((port) => port.spec.policy.sourceAddress === 'snat').map((port) => rules.translateSource(port.fwmark, router)),
            ...replyTranslations(ports, address),
          ],
        },
        ...replyZones(ports),
      ],
      guests: [],
    },
    virtualServices: ports.map(virtualService),
    ipvsTimeouts,
  });
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
