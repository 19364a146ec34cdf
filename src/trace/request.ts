/** What is asked for: `routemesh trace 8080/udp --from 203.0.113.9`. */
import { isIPv4 } from 'node:net';
import { quoteForPeople } from '../cluster/condition.js';
import { protocols, type Ipv4Address, type Protocol } from '../cluster/state.js';
import { ConfigurationError } from '../configuration/error.js';

export interface TraceRequest {
  readonly protocol: Protocol;
  /** 1–65535: the published number. */
  readonly port: number;
  readonly client: Ipv4Address;
}

/** RFC 5737: an address for documentation, which no rule of anybody's should mean. */
export const neutralClient: Ipv4Address = '192.0.2.1';

/** `port`: `8080`, `8080/udp`, or `udp/8080` as `status` prints it. @throws {ConfigurationError} with all that is wrong. */
export function parseRequest(port: string, from: string = neutralClient): TraceRequest {
  const problems: string[] = [];
  const published = parsePort(port);
  if (published === null) problems.push(`Expected PORT[/PROTOCOL] to be a number from 1 to 65535 with ${protocols.join(', ')} or nothing, such as 8080 or 53/udp, got ${quoteForPeople(port)}.`);
  if (!isUnicast(from)) problems.push(`Expected \`--from\` to be the IPv4 address of a client, such as ${neutralClient}, or 127.0.0.1 for this node itself, got ${quoteForPeople(from)}.`);
  if (published === null || problems.length > 0) throw new ConfigurationError(problems);
  return { ...published, client: from };
}

function parsePort(text: string): Pick<TraceRequest, 'protocol' | 'port'> | null {
  const words = text.toLowerCase().split('/');
  const numbers = words.filter((word) => /^\d{1,5}$/.test(word));
  const [word = 'tcp', ...more] = words.filter((each) => !numbers.includes(each));
  const protocol = protocols.find((each) => each === word);
  const port = Number(numbers[0]);
  const isWhole = numbers.length === 1 && more.length === 0 && words.length <= 2;
  return !isWhole || protocol === undefined || port < 1 || port > 65535 ? null : { protocol, port };
}

/** Nobody sends from 0.0.0.0/8, or from 224.0.0.0 and above. */
function isUnicast(address: string): boolean {
  const first = Number(address.split('.')[0]);
  return isIPv4(address) && first > 0 && first < 224;
}
