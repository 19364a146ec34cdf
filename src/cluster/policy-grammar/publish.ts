/** `publish=8080:80/tcp,9000-9010:9000-9010/udp` */
import { byCodeUnit } from '../sorting.js';
import { protocols, type Protocol } from '../state.js';
import { parsed, refused, splitList, type Parsed } from './parsed.js';
import { parsePort } from './values.js';

export interface PortMapping {
  readonly protocol: Protocol;
  readonly published: number;
  readonly target: number;
}

/** Each port costs rules on every node; a typing error must not cost sixty thousand. */
export const mostPortsOfOneLabel = 1024;

const example = 'PUBLISHED:TARGET with an optional /tcp, /udp or /sctp, such as 8080:80 or 9000-9010:9000-9010/udp';

export interface PublishList {
  readonly mappings: readonly PortMapping[];
  /** Elements that are not served, each with what was expected of it. */
  readonly refused: readonly { readonly got: string; readonly expected: string }[];
}

/** One bad element does not take the others down. Sorted by protocol, then published number; no number twice. */
export function parsePublish(text: string): PublishList {
  const mappings = new Map<string, PortMapping>();
  const refusals: { got: string; expected: string }[] = [];
  for (const element of splitList(text)) {
    const result = parseMappings(element);
    if (!result.ok) {
      refusals.push({ got: element, expected: result.expected });
    } else if (mappings.size + result.value.length > mostPortsOfOneLabel) {
      refusals.push({ got: element, expected: `at most ${mostPortsOfOneLabel} ports in all` });
    } else {
      for (const mapping of result.value) {
        const key = `${mapping.protocol}/${mapping.published}`;
        const before = mappings.get(key);
        if (before === undefined) mappings.set(key, mapping);
        else if (before.target !== mapping.target) {
          refusals.push({ got: element, expected: `each port once (${key} goes to ${before.target} already)` });
        }
      }
    }
  }
  return { mappings: [...mappings.values()].sort(byProtocolAndNumber), refused: refusals };
}

export function byProtocolAndNumber(one: PortMapping, other: PortMapping): number {
  return byCodeUnit(one.protocol, other.protocol) || one.published - other.published;
}

function parseMappings(element: string): Parsed<readonly PortMapping[]> {
  const match = /^(\d{1,6})(?:-(\d{1,6}))?:(\d{1,6})(?:-(\d{1,6}))?(?:\/([a-z]{1,8}))?$/.exec(element);
  if (match === null) return refused(example);
  const [, first = '', last = first, firstTarget = '', lastTarget = firstTarget, protocolName = 'tcp'] = match;
  const protocol = protocols.find((candidate) => candidate === protocolName);
  if (protocol === undefined) return refused(`one of ${protocols.join(', ')} after the "/"`);

  const published = parseRange(first, last);
  const targets = parseRange(firstTarget, lastTarget);
  if (published === null || targets === null) return refused('port numbers from 1 to 65535, the lower one first');
  if (published.size !== targets.size) return refused('as many target ports as published ports');
  if (published.size > mostPortsOfOneLabel) return refused(`a range of at most ${mostPortsOfOneLabel} ports`);
  return parsed(
    Array.from({ length: published.size }, (_, offset) => ({ protocol, published: published.first + offset, target: targets.first + offset })),
  );
}

function parseRange(firstText: string, lastText: string): { first: number; size: number } | null {
  const first = parsePort(firstText);
  const last = parsePort(lastText);
  return first === null || last === null || last < first ? null : { first, size: last - first + 1 };
}
