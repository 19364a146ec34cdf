/**
 * Policy labels of a Docker service: `routemesh.KEY` for the service, `routemesh.PORT[/PROTO].KEY` for one port.
 *
 * Labels are data from strangers. Whatever is in them, the answer is typed and the rest of the service is served; what
 * is refused becomes a condition that says what is served instead.
 */
import { didYouMean } from '../configuration/did-you-mean.js';
import { quoteForPeople } from './condition.js';
import { policyKeys } from './policy-grammar/keys.js';
import { readServicePolicy, type PolicyEntry, type PortScope, type Problem, type ServicePolicy } from './policy-grammar/service-policy.js';
import { parsePort } from './policy-grammar/values.js';
import { defaultPortPolicy, type PortPolicy } from './policy.js';
import { byCodeUnit } from './sorting.js';
import { protocols } from './state.js';

export const labelPrefix = 'routemesh.';

export function readLabels(labels: Readonly<Record<string, unknown>>, defaults: PortPolicy = defaultPortPolicy): ServicePolicy {
  const entries: PolicyEntry[] = [];
  const problems: Problem[] = [];
  // Sorted, so that the same labels give the same conditions in the same order.
  for (const [name, value] of Object.entries(labels).sort(([one], [other]) => byCodeUnit(one, other))) {
    if (!isOurs(name)) continue;
    const where = `label ${quoteForPeople(name)}`;
    const parsed = parseLabelName(name);
    if (parsed === null) {
      problems.push({ reason: 'UnsupportedPolicy', message: `${where}: there is no such label.${suggestion(name)} It has no effect` });
    } else {
      entries.push({ ...parsed, where, text: typeof value === 'string' ? value : String(JSON.stringify(value)) });
    }
  }
  return readServicePolicy(entries, problems, defaults);
}

/** In any spelling: `RouteMesh.publish` is refused aloud rather than ignored. */
function isOurs(name: string): boolean {
  const start = name.slice(0, labelPrefix.length).toLowerCase();
  return start === labelPrefix || start === labelPrefix.slice(0, -1);
}

function parseLabelName(name: string): { scope: PortScope | null; key: string } | null {
  if (!name.startsWith(labelPrefix)) return null;
  const rest = name.slice(labelPrefix.length);
  if (!/^\d/.test(rest)) return { scope: null, key: rest };
  const match = /^(\d{1,5})(?:\/([a-z]{1,8}))?\.(.*)$/su.exec(rest);
  if (match === null) return null;
  const [, portText = '', protocolText, key = ''] = match;
  const port = parsePort(portText);
  const protocol = protocolText === undefined ? null : protocols.find((candidate) => candidate === protocolText);
  return port === null || protocol === undefined ? null : { scope: { port, protocol }, key };
}

function suggestion(name: string): string {
  if (/^routemesh\.\d/.test(name)) return ` Expected routemesh.PORT[/PROTO].KEY, with PROTO one of ${protocols.join(', ')}.`;
  return didYouMean(name, policyKeys.map((key) => `${labelPrefix}${key}`)) || ' Expected routemesh.KEY.';
}
