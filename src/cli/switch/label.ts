/** The label by which a service is left to dockerd, in a service's spec as Docker gives it. Pure. */
import { labelPrefix } from '../../cluster/labels.js';
import { recordOf, textOf } from '../../cluster/docker/json.js';

export const meshes = ['routemesh', 'dockerd'] as const;
/** Who is to answer a service's ports. */
export type Mesh = (typeof meshes)[number];

export const enabledLabel = `${labelPrefix}enabled`;

export interface LabelChange {
  /** Null: the label is not there, which is as good as `true`. */
  readonly before: string | null;
  readonly after: string | null;
  /** The spec with the label, and not a word of it otherwise; null where nothing has to change. */
  readonly spec: Readonly<Record<string, unknown>> | null;
}

export class UnfaithfulSpecError extends Error {
  override readonly name = 'UnfaithfulSpecError';
}

/** Only the service's own labels change: Swarm starts tasks anew when their template does, or the ports, and not for these. */
export function labelChange(service: unknown, to: Mesh): LabelChange {
  const spec = recordOf(service, 'Spec');
  const labels = recordOf(spec, 'Labels');
  const before = textOf(labels, enabledLabel);
  const after = String(to === 'routemesh');
  if (before === after || (before === null && to === 'routemesh')) return { before, after: before, spec: null };
  if (hasInexactNumber(spec)) {
    throw new UnfaithfulSpecError(`The service's definition holds a number that JavaScript can't carry over unchanged. Set the label yourself: \`docker service update --label-add ${enabledLabel}=${after} SERVICE\`.`);
  }
  return { before, after, spec: { ...spec, Labels: { ...labels, [enabledLabel]: after } } };
}

/** Docker's numbers are 64 bits wide; above 2^53 reading one has rounded it already, and Swarm would take it for a change. */
function hasInexactNumber(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(hasInexactNumber);
}
