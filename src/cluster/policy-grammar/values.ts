/** Parsers of single values, shared by Docker labels and the file source. Every one is total: any string has an answer. */
import { isIPv4, isIPv6 } from 'node:net';
import { didYouMean } from '../../configuration/did-you-mean.js';
import { parsed, refused, type Parsed } from './parsed.js';

/** `true` and `false`, nothing else: a "yes" that is read as no would be a surprise either way. */
export function parseBoolean(text: string): Parsed<boolean> {
  if (text === 'true') return parsed(true);
  if (text === 'false') return parsed(false);
  return refused(`true or false`);
}

export function parseWord<const Word extends string>(words: readonly Word[]): (text: string) => Parsed<Word> {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? refused(`one of ${words.join(', ')}.${didYouMean(text, words)}`.replace(/\.$/, '')) : parsed(word);
  };
}

/** Decimal, without sign and without leading zeros (some programs read those as octal). */
export function parseWhole(text: string, lowest: number, highest: number): number | null {
  if (!/^(0|[1-9]\d{0,9})$/.test(text)) return null;
  const value = Number(text);
  return value >= lowest && value <= highest ? value : null;
}

export function parsePort(text: string): number | null {
  return parseWhole(text, 1, 65535);
}

export function parseNumber(lowest: number, highest: number): (text: string) => Parsed<number> {
  return (text) => {
    const value = parseWhole(text, lowest, highest);
    return value === null ? refused(`a whole number from ${lowest} to ${highest}`) : parsed(value);
  };
}

const millisecondsOf = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
export const longestDuration = 24 * 3_600_000;
const durationExample = 'a duration from 0s to 24h with its units, such as 10s, 1m30s or 500ms';

/** Each unit at most once, the largest first. Becomes milliseconds. */
export function parseDuration(text: string): Parsed<number> {
  const match = /^(?:(\d{1,8})h)?(?:(\d{1,8})m)?(?:(\d{1,8})s)?(?:(\d{1,8})ms)?$/.exec(text);
  if (match === null || text === '') return refused(durationExample);
  const [, hours = '0', minutes = '0', seconds = '0', milliseconds = '0'] = match;
  const total =
    Number(hours) * millisecondsOf.h + Number(minutes) * millisecondsOf.m + Number(seconds) * millisecondsOf.s + Number(milliseconds);
  return total <= longestDuration ? parsed(total) : refused(durationExample);
}

/** IPVS keeps persistence in seconds; ipvsadm(8) ends at 31 days (MAX_TIMEOUT of its ipvsadm.c). */
const longestAffinity = 31 * 86_400;

export function parseAffinity(text: string): Parsed<number | null> {
  if (text === 'none') return parsed(null);
  const seconds = parseWhole(text, 1, longestAffinity);
  return seconds === null ? refused(`none, or whole seconds from 1 to ${longestAffinity} without a unit, such as 600`) : parsed(seconds);
}

/** As Docker names networks (its NameRegexp is laxer about length). */
export function parseNetworkName(text: string): Parsed<string> {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(text)
    ? parsed(text)
    : refused('the name of an overlay network: letters, digits, "_", "." and "-"');
}

/** `10.0.0.0/8`, `fd00::/8`, or one address, which counts as a network of its own. */
export function parseCidr(text: string): Parsed<string> {
  const [address = '', prefix, ...rest] = text.split('/');
  const longest = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : null;
  if (longest === null || rest.length > 0 || (prefix !== undefined && parseWhole(prefix, 0, longest) === null)) {
    return refused('addresses and CIDRs, such as 192.168.0.0/16,10.1.2.3');
  }
  return parsed(text);
}

/** Interface names of Linux without the characters that only trouble uses. */
export function parseAddressOrInterface(text: string): Parsed<string> {
  const isInterface = /^[A-Za-z][A-Za-z0-9_.-]{0,14}$/.test(text);
  return parseCidr(text).ok || isInterface ? parsed(text) : refused('addresses, CIDRs and interface names, such as 192.168.56.0/24,eth1');
}

/** Swarm's placement constraints (swarmkit, manager/constraint): KEY==VALUE or KEY!=VALUE. */
export function parseConstraint(text: string): Parsed<string> {
  const known = /^(node\.(id|hostname|role|ip|platform\.(os|arch)|labels\.[A-Za-z0-9_.-]{1,128})|engine\.labels\.[A-Za-z0-9_.-]{1,128}) *(==|!=) *[A-Za-z0-9:_./-][A-Za-z0-9:_./ -]{0,127}$/;
  return known.test(text) ? parsed(text) : refused('constraints as of Swarm, such as node.labels.edge==true');
}
