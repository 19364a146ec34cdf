/** From keys and values, wherever they were written, to the policy of a service and of each of its ports. */
import { didYouMean } from '../../configuration/did-you-mean.js';
import { quoteForPeople, type Condition, type ConditionObject, type ConditionReason } from '../condition.js';
import { defaultPortPolicy, type PortPolicy } from '../policy.js';
import { byCodeUnit } from '../sorting.js';
import type { Protocol } from '../state.js';
import { isPolicyKey, keyGrammars, policyKeys, type Reading } from './keys.js';
import type { PortMapping } from './publish.js';

/** One port, or both/all protocols of one number. */
export interface PortScope {
  readonly port: number;
  readonly protocol: Protocol | null;
}

/** A key with its value as it was written: one label, or one line of a file. */
export interface PolicyEntry {
  /** Null: for the whole service. */
  readonly scope: PortScope | null;
  readonly key: string;
  readonly text: string;
  /** For people, already safe to print: `label "routemesh.drain"`, `line 7: drain`. */
  readonly where: string;
}

export interface Problem {
  readonly reason: ConditionReason;
  readonly message: string;
}

export interface PortOverride extends PortScope {
  readonly where: string;
  readonly enabled?: boolean;
  readonly policy: Partial<PortPolicy>;
}

export interface ServicePolicy {
  /** False: the service is left to dockerd. */
  readonly enabled: boolean;
  /** Published without dockerd. Sorted by protocol, then published number. */
  readonly publish: readonly PortMapping[];
  /** Overlay whose addresses are the identities; null: found by the source. */
  readonly network: string | null;
  /** What the service's keys say, over the defaults. */
  readonly policy: PortPolicy;
  /** Keys for single ports, those for one protocol last. */
  readonly overrides: readonly PortOverride[];
  readonly problems: readonly Problem[];
}

/** Longer values are refused unread. */
export const longestValue = 4096;
/** A service with more problems than that has one problem. */
const mostProblems = 20;

/** `defaults`: what holds where no key says otherwise. */
export function readServicePolicy(entries: readonly PolicyEntry[], otherProblems: readonly Problem[] = [], defaults: PortPolicy = defaultPortPolicy): ServicePolicy {
  const problems: Problem[] = [...otherProblems];
  const service: Reading = { policy: {} };
  const ports = new Map<string, Reading & PortScope & { where: string }>();
  for (const entry of entries) {
    const { scope } = entry;
    if (scope === null) {
      readEntry(entry, service, problems);
      continue;
    }
    const name = `${scope.port}/${scope.protocol ?? '*'}`;
    const port = ports.get(name) ?? { policy: {}, ...scope, where: entry.where };
    if (readEntry(entry, port, problems)) ports.set(name, port);
  }
  return {
    enabled: service.enabled ?? true,
    publish: service.publish ?? [],
    network: service.network ?? null,
    policy: { ...defaults, ...service.policy },
    overrides: [...ports.values()]
      .map(({ port, protocol, where, enabled, policy }) => ({ port, protocol, where, policy, ...(enabled === undefined ? {} : { enabled }) }))
      .sort((one, other) => one.port - other.port || byCodeUnit(one.protocol ?? '', other.protocol ?? '')),
    problems: bounded(problems),
  };
}

/** How one published port is served; null: it is left to dockerd. */
export function policyOfPort(service: ServicePolicy, protocol: Protocol, published: number): PortPolicy | null {
  const overrides = service.overrides.filter((o) => o.port === published && (o.protocol === null || o.protocol === protocol));
  const enabled = overrides.reduce((value, override) => override.enabled ?? value, true);
  return enabled ? overrides.reduce((policy, override) => ({ ...policy, ...override.policy }), service.policy) : null;
}

/** Keys for ports that the service does not publish: most often a target port written for a published one. */
export function problemsOfOverrides(service: ServicePolicy, ports: readonly PortMapping[]): Problem[] {
  return service.overrides
    .filter((o) => !ports.some(({ protocol, published }) => o.port === published && (o.protocol === null || o.protocol === protocol)))
    .map((o) => ({
      reason: 'BadPolicy' as const,
      message: `${o.where}: expected a port that the service publishes, got ${o.port}${o.protocol === null ? '' : `/${o.protocol}`}; the key has no effect`,
    }));
}

/** `udp=one-packet` where no datagram will ever come. */
export function problemsOfUdp(service: ServicePolicy, ports: readonly PortMapping[]): Problem[] {
  const isUdp = ({ protocol }: PortMapping): boolean => protocol === 'udp';
  const misplaced = (where: string): Problem => ({ reason: 'BadPolicy', message: `${where}: expected a udp port, and there is none; udp=one-packet has no effect` });
  const ofPorts = service.overrides
    .filter((o) => o.policy.udp === 'one-packet')
    // A number that is not published at all is told already.
    .map((o) => ({ where: o.where, named: ports.filter(({ protocol, published }) => o.port === published && (o.protocol === null || o.protocol === protocol)) }))
    .filter(({ named }) => named.length > 0 && !named.some(isUdp));
  const ofService = service.policy.udp === 'one-packet' && !ports.some(isUdp) ? [misplaced('udp')] : [];
  return [...ofService, ...ofPorts.map(({ where }) => misplaced(where))];
}

export function asConditions(problems: readonly Problem[], object: ConditionObject): Condition[] {
  return problems.map(({ reason, message }) => ({ reason, object, message }));
}

/** True when the value was taken, wholly or in part. */
function readEntry(entry: PolicyEntry, reading: Reading, problems: Problem[]): boolean {
  const { key, text, where, scope } = entry;
  if (!isPolicyKey(key)) {
    problems.push({ reason: 'UnsupportedPolicy', message: `${where}: there is no such key.${didYouMean(key, policyKeys)} It has no effect` });
    return false;
  }
  const grammar = keyGrammars[key];
  if (scope !== null && grammar.wholeService) {
    problems.push({ reason: 'BadPolicy', message: `${where}: ${key} is for the whole service, not for one port; it has no effect` });
    return false;
  }
  const otherwise = scope === null ? grammar.otherwise : 'the port is served as the service is';
  const refusals = text.length > longestValue ? [{ expected: `at most ${longestValue} characters`, got: text }] : grammar.read(text, reading);
  for (const { expected, got } of refusals) {
    problems.push({ reason: 'BadPolicy', message: `${where}: expected ${expected}, got ${quoteForPeople(got)}; ${otherwise}` });
  }
  if (refusals.length === 0 && !grammar.built) {
    problems.push({ reason: 'UnsupportedPolicy', message: `${where}: ${key} is not built yet; ${otherwise}` });
  }
  return refusals.length === 0 && grammar.built;
}

function bounded(problems: readonly Problem[]): Problem[] {
  if (problems.length <= mostProblems) return [...problems];
  const hidden = problems.length - mostProblems;
  return [...problems.slice(0, mostProblems), { reason: 'BadPolicy', message: `${hidden} more keys and values of this service are refused; the ones above are the first` }];
}
