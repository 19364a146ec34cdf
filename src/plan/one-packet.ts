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
import type { OwnedChain, RuleWords } from './iptables.js';
import type { PlanMemory } from './memory.js';
import type { Backend } from './node-plan.js';
import type { PlannedPort } from './ports.js';
import * as rules from './rules.js';

const none: readonly Condition[] = [];

/** Says of each port whether its datagrams are scheduled one by one, and why not where that was asked for. */
export function decideOnePacket(memory: PlanMemory, ports: readonly PlannedPort[]): { readonly ports: readonly PlannedPort[]; readonly conditions: readonly Condition[] } {
  const wishes = memory.filter('one-packet wishes', ports, [], ({ protocol, spec }) => protocol === 'udp' && spec.policy.udp === 'one-packet');
  if (wishes.length === 0) return { ports, conditions: none };
  const refusals = memory.value('one-packet refusals', [ports], () => refusalsOf(wishes, ports));
  const wanted = new Set(wishes);
  return {
    ports: memory.map('scheduled ports', ports, [], (port, onePacket: boolean) => (onePacket ? { ...port, onePacket } : port), ports.map((port) => wanted.has(port) && !refusals.has(port))),
    conditions: memory.value('one-packet conditions', [refusals], () => [...refusals].map(([port, reason]) => ({
      reason: 'UnsupportedPolicy',
      object: { kind: 'service', id: port.serviceId, name: port.serviceName },
      message: `${portKey(port.protocol, port.published)}: udp=one-packet ${reason}; udp is balanced by flow`,
    }))),
  };
}

function refusalsOf(wishes: readonly PlannedPort[], ports: readonly PlannedPort[]): ReadonlyMap<PlannedPort, string> {
  const byEndpoint = new Map<string, PlannedPort[]>();
  for (const port of ports.filter(({ protocol }) => protocol === 'udp')) {
    for (const endpoint of new Set(port.backends.map(endpointOf))) {
      const others = byEndpoint.get(endpoint);
      if (others === undefined) byEndpoint.set(endpoint, [port]);
      else others.push(port);
    }
  }
  return new Map(wishes.flatMap((port) => {
    const reason = refusalOf(port, byEndpoint);
    return reason === null ? [] : [[port, reason]];
  }));
}

/** `byEndpoint`: udp's ports. */
function refusalOf(port: PlannedPort, byEndpoint: ReadonlyMap<string, readonly PlannedPort[]>): string | null {
  if (port.spec.policy.sourceAddress === 'snat') return 'needs the client’s own address to find the way back, and source-ip=snat hides it';
  const others = port.backends.flatMap((backend) => byEndpoint.get(endpointOf(backend)) ?? []).filter((other) => other !== port);
  const [other] = others.sort((a, b) => a.fwmark - b.fwmark);
  return other === undefined ? null : `can’t tell what an answer answers, since ${portKey(other.protocol, other.published)} leads to the same port of the same tasks`;
}

function endpointOf({ address, port }: Backend): string {
  return `${address}:${port}`;
}

/** None where nobody asks for it: a raw table costs every packet a look. */
export function replyZones(memory: PlanMemory, ports: readonly PlannedPort[]): OwnedChain[] {
  const zones = memory.flatMap('reply zones', ports, [], ({ onePacket, backends }) =>
    onePacket ? backends.map((backend) => rules.zoneOfReplies(sandboxFabricDevice, backend.address, backend.port, zoneOf(backend.address))) : []);
  return zones.length === 0 ? [] : [{ table: 'raw', chain: 'PREROUTING', policy: 'ACCEPT', rules: zones }];
}

/** `sandbox`: its address on the gateway bridge, from which the host expects the answers. */
export function replyTranslations(memory: PlanMemory, ports: readonly PlannedPort[], sandbox: Ipv4Address): readonly RuleWords[] {
  return memory.flatMap('reply translations', ports, [sandbox], ({ onePacket, backends, published }) =>
    onePacket ? backends.map((backend) => rules.translateReply(sandboxGatewayDevice, backend.address, backend.port, sandbox, published)) : []);
}

/**
 * The identity's low 16 bits: different for tasks of one service, whose network is hardly larger, and the same for as
 * long as the task lives. 0 is the default zone, which is the requests'.
 */
function zoneOf(identity: Ipv4Address): number {
  return ipv4ToNumber(identity) & 0xffff || 0xffff;
}
