/** The kernel's conntrack entries in a story's words, and the rule by which one namespace's leads to the next's. */
import type { ConntrackEntry, ConntrackTuple } from '../../../native/index.js';
import type { LiveCounters, LiveEndpoints, LiveEntry } from './moment.js';

export function entryOf(entry: ConntrackEntry): LiveEntry {
  const { counters } = entry;
  return {
    there: endpointsOf(entry.original),
    back: endpointsOf(entry.reply),
    zone: entry.zone,
    mark: entry.mark,
    state: entry.state ?? null,
    answered: entry.seenReply,
    closedFirst: entry.closedFirst === undefined ? null : entry.closedFirst === 'original' ? 'client' : 'task',
    counters: counters === undefined ? null : { there: countersOf(counters.original), back: countersOf(counters.reply) },
  };
}

function endpointsOf({ source, sourcePort = 0, destination, destinationPort = 0, zone }: ConntrackTuple): LiveEndpoints {
  return { source, sourcePort, destination, destinationPort, zone: zone ?? null };
}

function countersOf({ packets, bytes }: { readonly packets: bigint; readonly bytes: bigint }): LiveCounters {
  return { packets: Number(packets), bytes: Number(bytes) };
}

/** The other direction, as a packet of it would be addressed. */
export function turned({ source, sourcePort, destination, destinationPort }: LiveEndpoints): LiveEndpoints {
  return { source: destination, sourcePort: destinationPort, destination: source, destinationPort: sourcePort, zone: null };
}

/**
 * A packet leaves a namespace addressed the other way round from the answer that is expected there, whatever NAT or IPVS
 * made of it; so it comes into the next one.
 */
export function continues({ back }: LiveEntry, { there }: LiveEntry): boolean {
  const next = turned(back);
  return there.source === next.source && there.sourcePort === next.sourcePort && there.destination === next.destination && there.destinationPort === next.destinationPort;
}

/** Does the later of two views of one entry say anything new? Counters are told at the end. */
export function isChanged(earlier: LiveEntry, later: LiveEntry): boolean {
  return earlier.state !== later.state || earlier.answered !== later.answered || earlier.closedFirst !== later.closedFirst || earlier.mark !== later.mark;
}

export function endpointText(address: string, port: number): string {
  return `${address}:${port}`;
}
