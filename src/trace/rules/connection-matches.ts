/** What `-m conntrack` and `-m state` ask of a packet's connection. */
import { protocolNumbers } from '../../plan/fwmark.js';
import type { Connection, Packet } from '../packet.js';
import { isInPrefix } from './addresses.js';
import { certainly, type Certainty } from './certainty.js';

export function matchesState(connection: Connection, states: string): Certainty {
  return certainly(states.split(',').some((state) => isState(connection, state)));
}

export function matchesConnection({ protocol, connection }: Packet, option: string, value: string): Certainty {
  const { original, direction, state } = connection;
  if (option === '--ctstate') return matchesState(connection, value);
  // What the kernel says of a packet without a connection depends on what else the rule asks (conntrack_mt() of xt_conntrack.c).
  if (state === 'UNTRACKED') return 'unknown';
  switch (option) {
    case '--ctdir':
      return certainly(value === direction);
    case '--ctproto':
      return certainly(value === protocol || value === String(protocolNumbers[protocol]));
    case '--ctorigsrc':
      return isInPrefix(original.source, value);
    case '--ctorigdst':
      return isInPrefix(original.destination, value);
    case '--ctorigsrcport':
      return isPortOf(original.sourcePort, value);
    case '--ctorigdstport':
      return isPortOf(original.destinationPort, value);
    default:
      return 'unknown';
  }
}

function isState({ state, destinationTranslated, sourceTranslated }: Connection, wanted: string): boolean {
  if (wanted === 'DNAT') return destinationTranslated;
  if (wanted === 'SNAT') return sourceTranslated;
  return wanted === state;
}

function isPortOf(port: number, range: string): Certainty {
  const [first, last = first] = range.split(':').map(Number);
  if (first === undefined || last === undefined || Number.isNaN(first) || Number.isNaN(last)) return 'unknown';
  return certainly(port >= first && port <= last);
}
