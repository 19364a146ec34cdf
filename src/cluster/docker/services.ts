/** A Docker service: its published ports with their policy, and how its tasks are addressed. */
import { readLabels } from '../labels.js';
import { byProtocolAndNumber, type PortMapping } from '../policy-grammar/publish.js';
import { asConditions, policyOfPort, problemsOfOverrides, problemsOfUdp, type Problem, type ServicePolicy } from '../policy-grammar/service-policy.js';
import type { Condition } from '../condition.js';
import { defaultPortPolicy } from '../policy.js';
import { longestDuration } from '../policy-grammar/values.js';
import { protocols, type PublishedPort, type Service } from '../state.js';
import { field, idOf, listOf, nameOf, numberOf, recordOf, textOf } from './json.js';
import { chooseIdentityNetwork, networksOfService, type IdentityRule, type NetworksById } from './networks.js';
import type { Note, RawObject } from './raw.js';

export interface ConvertedService {
  readonly service: Service;
  readonly rule: IdentityRule;
}

/** Null: not for the mesh (it publishes nothing, or is left to dockerd), or too odd to serve (then with a note). */
export function convertService(raw: RawObject, known: NetworksById): { converted: ConvertedService | null; conditions: readonly Condition[]; note?: Note } {
  const id = idOf(raw, 'ID');
  const name = nameOf(raw, 'Spec', 'Name');
  if (id === null || name === null) return { converted: null, conditions: [], note: 'a service without a usable ID or name is skipped' };
  const policy = readLabels(recordOf(raw, 'Spec', 'Labels'), { ...defaultPortPolicy, drainMilliseconds: drainOf(raw) });
  if (!policy.enabled) return { converted: null, conditions: [] };

  const problems: Problem[] = [...policy.problems];
  const bySwarm = swarmPorts(raw);
  const rule: IdentityRule =
    policy.network !== null ? { kind: 'named', name: policy.network } : bySwarm.length > 0 ? { kind: 'ingress' } : { kind: 'only overlay' };
  const byLabel = labelPorts(policy, bySwarm, rule, problems);
  const mappings = [...bySwarm, ...byLabel];
  problems.push(...problemsOfOverrides(policy, mappings), ...problemsOfUdp(policy, mappings));

  const ports = [
    ...withPolicy(bySwarm, 'swarm', policy),
    ...withPolicy(byLabel, 'label', policy),
  ].sort(byProtocolAndNumber);
  let besideIngress = false;
  if (ports.length > 0) {
    const choice = chooseIdentityNetwork(rule, networksOfService(raw, bySwarm.length > 0, known));
    if (choice.ok) besideIngress = bySwarm.length > 0 && !choice.network.ingress;
    else problems.push({ reason: 'NoIdentityNetwork', message: choice.problem });
  }
  const conditions = asConditions(problems, { kind: 'service', id, name });
  if (ports.length === 0) return { converted: null, conditions };
  const service: Service = { id, name, createdAt: textOf(raw, 'CreatedAt') ?? '', ports, ...(besideIngress ? { besideIngress } : {}) };
  return { converted: { service, rule }, conditions };
}

/** A task that may take an hour to stop keeps its connections for that hour: a drain is never shorter than the stop grace, unless a label says so. */
function drainOf(raw: RawObject): number {
  // Nanoseconds (api/types/swarm/container.go).
  const stopGrace = (numberOf(raw, 'Spec', 'TaskTemplate', 'ContainerSpec', 'StopGracePeriod') ?? 0) / 1e6;
  return Math.min(longestDuration, Math.max(defaultPortPolicy.drainMilliseconds, Math.ceil(stopGrace)));
}

/** What the allocator granted (`Endpoint.Ports`), not what was asked for: a port that Swarm chose itself is only there. */
export function swarmPorts(raw: RawObject): PortMapping[] {
  const ports = new Map<string, PortMapping>();
  for (const port of listOf(raw, 'Endpoint', 'Ports')) {
    // API versions before 1.25 knew no mode: all was ingress.
    if ((textOf(port, 'PublishMode') ?? 'ingress') !== 'ingress') continue;
    const protocol = protocols.find((candidate) => candidate === (field(port, 'Protocol') ?? 'tcp'));
    const published = portNumber(numberOf(port, 'PublishedPort'));
    const target = portNumber(numberOf(port, 'TargetPort'));
    if (protocol !== undefined && published !== null && target !== null) ports.set(`${protocol}/${published}`, { protocol, published, target });
  }
  return [...ports.values()].sort(byProtocolAndNumber);
}

function portNumber(value: number | null): number | null {
  return value !== null && Number.isInteger(value) && value >= 1 && value <= 65535 ? value : null;
}

function labelPorts(policy: ServicePolicy, bySwarm: readonly PortMapping[], rule: IdentityRule, problems: Problem[]): PortMapping[] {
  return policy.publish.filter((wanted) => {
    const name = `${wanted.protocol}/${wanted.published}`;
    const swarm = bySwarm.find(({ protocol, published }) => protocol === wanted.protocol && published === wanted.published);
    if (swarm !== undefined) {
      if (swarm.target !== wanted.target) {
        problems.push({ reason: 'BadPolicy', message: `label "routemesh.publish": Swarm publishes ${name} of this service already, to ${swarm.target}; so it is served, not to ${wanted.target}` });
      }
      return false;
    }
    // In the task's namespace dockerd drops what comes to the ingress address and is no target that Swarm publishes
    // (libnetwork, service_linux.go: INPUT of the redirecter).
    if (rule.kind === 'ingress' && !bySwarm.some(({ protocol, target }) => protocol === wanted.protocol && target === wanted.target)) {
      problems.push({
        reason: 'NoIdentityNetwork',
        message: `label "routemesh.publish": ${name} is not served: on the ingress network dockerd lets only target ports in that Swarm publishes, and ${wanted.target} is none. Name another overlay with routemesh.network`,
      });
      return false;
    }
    return true;
  });
}

function withPolicy(mappings: readonly PortMapping[], publishedBy: PublishedPort['publishedBy'], service: ServicePolicy): PublishedPort[] {
  return mappings.flatMap((mapping) => {
    const policy = policyOfPort(service, mapping.protocol, mapping.published);
    return policy === null ? [] : [{ ...mapping, publishedBy, policy }];
  });
}
