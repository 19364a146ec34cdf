/** A node's two meshes as a comparison reads them: what a trace reads of h1, and dockerd's sandbox beside it. */
import { parseIptablesSave } from '../../../src/kernel/iptables/document.js';
import type { Observation, SeenSandbox } from '../../../src/compare/observation.js';
import type { SeenRealServer } from '../../../src/trace/observation.js';
import { node as traced } from '../trace/node.js';

/** `iptables-save -c` in ingress_sbox of Docker 20.10. */
const dockerRules = `*mangle
:PREROUTING ACCEPT [3:180]
:INPUT ACCEPT [3:180]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [3:180]
[3:180] -A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x102/0xffffffff
[0:0] -A INPUT -d 10.0.0.4/32 -j MARK --set-xmark 0x102/0xffffffff
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER_OUTPUT - [0:0]
:DOCKER_POSTROUTING - [0:0]
[0:0] -A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT
[0:0] -A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING
[3:180] -A POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2
COMMIT
`;

export const dockerServers: readonly SeenRealServer[] = [
  { address: '10.0.0.5', port: 0, weight: 1, active: 0, inactive: 0 },
  { address: '10.0.0.6', port: 0, weight: 1, active: 0, inactive: 0 },
];

export function dockerSandbox(servers: readonly SeenRealServer[] = dockerServers, more: Partial<SeenSandbox> = {}): SeenSandbox {
  return {
    path: '/run/docker/netns/ingress_sbox',
    addresses: [
      { device: 'lo', address: '127.0.0.1', prefixLength: 8 },
      { device: 'eth0', address: '10.0.0.2', prefixLength: 24 },
      { device: 'eth0', address: '10.0.0.4', prefixLength: 32 },
      { device: 'eth1', address: '172.18.0.2', prefixLength: 16 },
    ],
    sysctls: { 'net/ipv4/ip_forward': '1', 'net/ipv4/vs/am_droprate': '10', 'net/ipv4/vs/conn_reuse_mode': '0', 'net/ipv4/vs/conntrack': '1' },
    iptables: { document: parseIptablesSave(dockerRules), unseen: [] },
    ipvs: [{ key: { kind: 'fwmark', family: 'inet', fwmark: 0x102 }, scheduler: 'rr', persistenceSeconds: null, onePacket: false, connections: 3n, servers }],
    timeouts: { tcp: 900, tcpFin: 120, udp: 300 },
    ...more,
  };
}

/** `hostRules`: what iptables-save prints in the host. */
export type NodeParts = Partial<Observation> & { readonly hostRules?: string };

export function node(parts: NodeParts = {}): Observation {
  const { hostRules, ...more } = parts;
  const { settings, host, sandbox, ipvs, cluster } = traced(hostRules === undefined ? {} : { host: hostRules });
  if (sandbox === null) throw new Error('there is no sandbox');
  const { addresses } = sandbox.network;
  return {
    settings,
    host,
    sandboxes: {
      routemesh: {
        path: '/run/netns/mesh_sbox',
        addresses,
        sysctls: { 'net/ipv4/ip_forward': '1', 'net/ipv4/vs/am_droprate': '10', 'net/ipv4/vs/conn_reuse_mode': '1', 'net/ipv4/vs/conntrack': '1' },
        iptables: sandbox.iptables,
        ipvs,
        timeouts: { tcp: 8_000, tcpFin: 120, udp: 300 },
      },
      dockerd: dockerSandbox(),
    },
    controller: 4711,
    cluster,
    conditions: [],
    docker: null,
    ...more,
  };
}
