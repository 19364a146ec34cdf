/**
 * Sets in place of rules, where so many ports are published that walking them one by one would cost every new connection.
 *
 * host, sandbox   mesh-tcp, mesh-udp, mesh-sctp   the published ports; in the sandbox each with its mark
 * fabric          mesh-targets                    every identity and port that packets may be brought to
 *                 mesh-tasks                      the identities of this node's tasks
 *
 * Both forms let the same packets pass. A set's content is changed without a touch of any rule, so that an endpoint that
 * comes or goes needs no iptables.
 */
import type { Condition } from '../cluster/condition.js';
import { protocols, type Protocol, type PublishedPort, type Task } from '../cluster/state.js';
import { ipv4ToNumber } from './addresses.js';
import type { PlanContext } from './context.js';
import { withDistinct, type Distinct } from './distinct.js';
import { fwmarkOf } from './fwmark.js';
import type { PlanMemory } from './memory.js';
import type { KernelSet, SetMember } from './objects.js';
import type { PlannedPort } from './ports.js';

export const targetsSetName = 'mesh-targets';
export const tasksSetName = 'mesh-tasks';

export function portSetName(protocol: Protocol): string {
  return `mesh-${protocol}`;
}

/** Every set that any plan has, in whatever place: those that are ours. */
export const setNames: readonly string[] = [...protocols.map(portSetName), targetsSetName, tasksSetName];

export const noSets: readonly KernelSet[] = [];

/** `count`: of the ports that take connections on this node. */
export function matchesBySets({ settings: { setsFrom }, whyNoSets }: Pick<PlanContext, 'settings' | 'whyNoSets'>, count: number): boolean {
  return areSetsWanted(setsFrom, count) && (whyNoSets ?? null) === null;
}

export function areSetsWanted(setsFrom: number | null, count: number): boolean {
  return setsFrom !== null && count >= setsFrom;
}

export function setConditions(memory: PlanMemory, { settings: { setsFrom }, whyNoSets = null, nodeId }: PlanContext, count: number): readonly Condition[] {
  return memory.value('set conditions', [areSetsWanted(setsFrom, count), whyNoSets, count, nodeId], () => whyNoSets === null || !areSetsWanted(setsFrom, count) ? [] : [{
    reason: 'SetsUnavailable',
    object: { kind: 'node', id: nodeId, name: nodeId },
    message: `${count} published ports are matched rule by rule, which costs every new connection: ${whyNoSets}; load ip_set, xt_set and their types, or set setsFrom to never`,
  }]);
}

/** `where` keeps the two places' apart in the memory. */
export function protocolsOf(memory: PlanMemory, where: string, ports: readonly PublishedPort[]): readonly Protocol[] {
  return memory.filter(`${where} protocols`, protocols, [ports], (protocol) => ports.some((port) => port.protocol === protocol));
}

export function planPortSets(memory: PlanMemory, where: string, ports: readonly PublishedPort[], marked: boolean): readonly KernelSet[] {
  const published = protocolsOf(memory, where, ports);
  return memory.map(
    `${where} port sets`,
    published,
    [],
    (protocol, members: readonly SetMember[]): KernelSet => ({ name: portSetName(protocol), type: 'bitmap:port', marked, members }),
    published.map((protocol) =>
      memory.flatMap(`${where} ${protocol} members`, ports, [], (port): SetMember[] => (port.protocol === protocol ? [memberOf(port, marked)] : []))),
  );
}

function memberOf({ protocol, published: port }: PublishedPort, marked: boolean): SetMember {
  return marked ? { port, mark: fwmarkOf(protocol, port) } : { port };
}

/** `ports`: of those that lead to the same port of the same tasks, one. */
export function planTargetSets(memory: PlanMemory, own: readonly Task[], ports: readonly PlannedPort[], hasPeers: boolean): readonly KernelSet[] {
  const endpoints = memory.flatMap('endpoints', ports, [], ({ protocol, endpoints: targets }) => targets.map(({ address, port }): SetMember => ({ address, protocol, port })));
  const addresses = memory.map('task addresses', own, [], ({ identity: { address } }): SetMember => ({ address }));
  const targets = distinct(memory, 'targets', endpoints);
  const tasks = distinct(memory, 'own tasks', addresses);
  return memory.value('fabric sets', [targets, tasks, hasPeers], () => [
    { name: targetsSetName, type: 'hash:ip,port', marked: false, members: targets },
    ...(hasPeers ? [{ name: tasksSetName, type: 'hash:ip' as const, marked: false, members: tasks }] : []),
  ]);
}

/** A set holds a member once, whoever else wants it there. */
function distinct(memory: PlanMemory, name: string, members: readonly SetMember[]): readonly SetMember[] {
  return memory.value(`distinct ${name}`, [members], (last: Distinct<SetMember> | undefined) => withDistinct(last, members, memberNumber)).items;
}

/** As `memberKey`, for members of a plan: address, protocol and port side by side, 50 bits of a number's 53. */
function memberNumber({ address = '0.0.0.0', protocol, port = 0 }: SetMember): number {
  const which = protocol === undefined ? 0 : protocols.indexOf(protocol) + 1;
  return (ipv4ToNumber(address) * 4 + which) * 65_536 + port;
}

/** Tells members of one set apart. */
export function memberKey({ address, protocol, port }: SetMember): string {
  return `${address ?? ''} ${protocol ?? ''}/${port ?? ''}`;
}
