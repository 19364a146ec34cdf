/** What a Docker service asks to have published, also where it is left to dockerd: for people who ask why a port is in one mesh only. */
import { readLabels } from '../labels.js';
import type { PortMapping } from '../policy-grammar/publish.js';
import { policyOfPort } from '../policy-grammar/service-policy.js';
import type { PublishedBy } from '../state.js';
import { idOf, nameOf, recordOf } from './json.js';
import type { RawObject } from './raw.js';
import { swarmPorts } from './services.js';

export interface Publication extends PortMapping {
  readonly publishedBy: Exclude<PublishedBy, 'file'>;
  /** False: a label leaves this very port to dockerd. */
  readonly enabled: boolean;
}

export interface PublishingService {
  readonly id: string;
  readonly name: string;
  /** False: a label leaves the whole service to dockerd. */
  readonly enabled: boolean;
  readonly ports: readonly Publication[];
}

/** Null for what has no usable id or name. */
export function publicationsOf(raw: RawObject): PublishingService | null {
  const id = idOf(raw, 'ID');
  const name = nameOf(raw, 'Spec', 'Name');
  if (id === null || name === null) return null;
  const policy = readLabels(recordOf(raw, 'Spec', 'Labels'));
  const bySwarm = swarmPorts(raw);
  const byLabel = policy.publish.filter((wanted) => !bySwarm.some(({ protocol, published }) => protocol === wanted.protocol && published === wanted.published));
  const publication = (publishedBy: Publication['publishedBy']) => (mapping: PortMapping): Publication => ({
    ...mapping, publishedBy, enabled: policyOfPort(policy, mapping.protocol, mapping.published) !== null,
  });
  return { id, name, enabled: policy.enabled, ports: [...bySwarm.map(publication('swarm')), ...byLabel.map(publication('label'))] };
}
