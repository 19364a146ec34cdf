/** Asks connection tracking for the entries of a followed connection: those that are known, and the next place's. */
import type { ConntrackEntry, ConntrackTuple } from '../../../native/index.js';
import { protocolNumbers } from '../../plan/fwmark.js';
import type { Protocol } from '../../cluster/state.js';
import { turned } from './entry.js';
import type { Ear } from './listen.js';
import type { LiveEndpoints, LivePlace } from './moment.js';
import type { Chapter, Listened } from './story.js';

export interface Found {
  readonly where: Listened;
  readonly entry: ConntrackEntry;
}

const behind: Readonly<Record<LivePlace, LivePlace | null>> = { host: 'sandbox', sandbox: 'fabric', fabric: 'task', task: null };

/** From the client on. What is not there (any more) is left out. */
export function lookUp(protocol: Protocol, chapters: readonly Chapter[], ears: readonly Ear[]): Found[] {
  const last = chapters.at(-1);
  const next = last === undefined ? null : behind[last.where.place];
  return [
    ...chapters.flatMap(({ where, entry }) => find(ears.filter((ear) => ear.where.key === where.key), tuple(protocol, entry.there), entry.zone)),
    ...(last === undefined ? [] : find(ears.filter(({ where }) => where.place === next), tuple(protocol, turned(last.entry.back)), 0)),
  ];
}

function find(ears: readonly Ear[], wanted: ConntrackTuple, zone: number): Found[] {
  return ears.flatMap(({ where, conntrack }) => {
    const entry = conntrack.find(wanted, zone);
    return entry === undefined ? [] : [{ where, entry }];
  });
}

function tuple(protocol: Protocol, { zone, ...endpoints }: LiveEndpoints): ConntrackTuple {
  return { protocol: protocolNumbers[protocol], ...endpoints, zone: zone ?? undefined };
}
