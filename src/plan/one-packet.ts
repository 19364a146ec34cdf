/**
 * `udp=one-packet`: each datagram is scheduled for itself, so that one busy client port (a resolver, a collector of
 * metrics) is shared by all tasks.
 *
 * IPVS forgets such a datagram as soon as it is sent (ip_vs_conn_hash() of the kernel leaves out IP_VS_CONN_F_ONE_PACKET),
 * so it can't translate the answer back, and connection tracking knows the client port's first task only. Two rules per
 * task do it instead:
 *
 *   answer, eth0 ─▶ raw: a conntrack zone of the task's own ─▶ nat POSTROUTING: SNAT to 172.30.0.2:<published> ─▶ eth1
 *
 * and the host's connection tracking turns that into the address that the client asked. The zone is what lets the
 * answers pass: in the default zone <client> → 172.30.0.2:<published> is the request's entry already, and an answer
 * whose translation ends in the same entry is dropped as a clash (__nf_conntrack_confirm()); two tasks that answer one
 * client port would clash with each other.
 */
import type { Condition } from '../cluster/condition.js';
import type { Ipv4Address } from '../cluster/state.js';
import { ipv4ToNumber } from './addresses.js';
import { sandboxFabricDevice, sandboxGatewayDevice } from './devices.js';
import { portKey } from './fwmark.js';
import type { OwnedChain } from './iptables.js';
import type { Backend } from './node-plan.js';
import type { PlannedPort } from './ports.js';
import * as rules from './rules.js';

/** Says of each port whether its datagrams are scheduled one by one, and why not where that was asked for. */
export function decideOnePacket(ports: readonly PlannedPort[]): { readonly ports: PlannedPort[]; readonly conditions: Condition[] } {
  const wishes = ports.filter(({ protocol, spec }) => protocol === 'udp' && spec.policy.udp === 'one-packet');
  const refusals = new Map(wishes.flatMap((port) => {
    const reason = refusalOf(port, ports);
    return reason === null ? [] : [[port, reason]];
  }));
  return {
    ports: ports.map((port) => ({ ...port, onePacket: wishes.includes(port) && !refusals.has(port) })),
    conditions: [...refusals].map(([port, reason]) => ({
      reason: 'UnsupportedPolicy',
      object: { kind: 'service', id: port.serviceId, name: port.serviceName },
      message: `${portKey(port.protocol, port.published)}: udp=one-packet ${reason}; udp is balanced by flow`,
    })),
  };
}

function refusalOf(port: PlannedPort, ports: readonly PlannedPort[]): string | null {
  if (port.spec.policy.sourceAddress === 'snat') return 'needs the client’s own address to find the way back, and source-ip=snat hides it';
  const endpoints = new Set(port.backends.map(endpointOf));
  const other = ports.find((one) => one !== port && one.protocol === 'udp' && one.backends.some((backend) => endpoints.has(endpointOf(backend))));
  return other === undefined ? null : `can’t tell what an answer answers, since ${portKey(other.protocol, other.published)} leads to the same port of the same tasks`;
}

function endpointOf({ address, port }: Backend): string {
  return `${address}:${port}`;
}

/** None where nobody asks for it: a raw table costs every packet a look. */
export function replyZones(ports: readonly PlannedPort[]): OwnedChain[] {
  const zones = answering(ports).map(({ backend }) => rules.zoneOfReplies(sandboxFabricDevice, backend.address, backend.port, zoneOf(backend.address)));
  return zones.length === 0 ? [] : [{ table: 'raw', chain: 'PREROUTING', policy: 'ACCEPT', rules: zones }];
}

/** `sandbox`: its address on the gateway bridge, from which the host expects the answers. */
export function replyTranslations(ports: readonly PlannedPort[], sandbox: Ipv4Address) {
  return answering(ports).map(({ port, backend }) => rules.translateReply(sandboxGatewayDevice, backend.address, backend.port, sandbox, port.published));
}

function answering(ports: readonly PlannedPort[]): { readonly port: PlannedPort; readonly backend: Backend }[] {
  return ports.filter(({ onePacket }) => onePacket).flatMap((port) => port.backends.map((backend) => ({ port, backend })));
}

/**
 * The identity's low 16 bits: different for tasks of one service, whose network is hardly larger, and the same for as
 * long as the task lives. 0 is the default zone, which is the requests'.
 */
function zoneOf(identity: Ipv4Address): number {
  return ipv4ToNumber(identity) & 0xffff || 0xffff;
}
