/** A followed connection in one sentence, and as data. Pure. */
import type { PortKey } from '../../plan/fwmark.js';
import { span } from '../../cli/time.js';
import { plural } from '../words.js';
import { endpointText } from './entry.js';
import { lossOf } from './loss.js';
import type { Ending, LiveCounters, LivePlace, LiveSocket, Summary } from './moment.js';
import type { Chapter } from './story.js';

export interface SummaryInput {
  readonly protocol: string;
  readonly port: PortKey;
  readonly chapters: readonly Chapter[];
  readonly socket: LiveSocket | null;
  readonly ending: Ending;
  readonly durationMilliseconds: number;
  /** This node's name. */
  readonly node: string;
  readonly names: Readonly<Record<'sandbox' | 'fabric', string>>;
  /** The sandbox's address on the gateway bridge. */
  readonly sandbox: string;
  /** A real server's task by the saved state, and whether it is one of this node. */
  taskAt(address: string): { readonly name: string | null; readonly isHere: boolean };
  /** The peer that a conntrack zone stands for; null: unknown. */
  peerOf(zone: number): string | null;
}

export function summaryOf(input: SummaryInput): Summary {
  const { chapters, ending, protocol, port, socket, durationMilliseconds } = input;
  const [first] = chapters;
  const server = serverOf(chapters, input);
  const facts: Omit<Summary, 'text'> = {
    type: 'summary',
    protocol,
    client: first === undefined ? '' : endpointText(first.entry.there.source, first.entry.there.sourcePort),
    node: first?.where.place === 'host' ? endpointText(first.entry.there.destination, first.entry.there.destinationPort) : null,
    peer: first?.where.place === 'fabric' ? (input.peerOf(first.entry.there.zone ?? 0) ?? `zone ${first.entry.there.zone ?? 0}`) : null,
    places: chapters.map(({ where }) => where.name),
    realServer: server?.address === undefined ? null : endpointText(server.address, server.port),
    task: server === null ? null : input.taskAt(server.address).name,
    ending,
    endedBy: endedBy(chapters, ending),
    durationMilliseconds,
    counters: first?.entry.counters ?? null,
    loss: lossOf({ chapters, socket, ending, port, sandbox: input.sandbox, nextOf: (chapter) => nextOf(chapter, input) }),
  };
  return { ...facts, text: sentence(facts, input.node) };
}

/** As the sandbox or the fabric knows it. */
function serverOf(chapters: readonly Chapter[], { sandbox }: SummaryInput): { readonly address: string; readonly port: number } | null {
  const last = chapters.find(({ where }) => where.place === 'sandbox' || where.place === 'fabric');
  if (last === undefined || last.entry.back.source === sandbox) return null;
  return { address: last.entry.back.source, port: last.entry.back.sourcePort };
}

function nextOf({ where: { place }, entry: { back } }: Chapter, input: SummaryInput): string | null {
  const next: Readonly<Record<LivePlace, () => string | null>> = {
    host: () => input.names.sandbox,
    sandbox: () => input.names.fabric,
    fabric: () => {
      const { name, isHere } = input.taskAt(back.source);
      return isHere ? (name ?? `the task at ${back.source}`) : null;
    },
    task: () => null,
  };
  return next[place]();
}

function endedBy(chapters: readonly Chapter[], ending: Ending): Summary['endedBy'] {
  if (ending !== 'closed' && ending !== 'half-closed') return null;
  return chapters.find(({ entry }) => entry.closedFirst !== null)?.entry.closedFirst ?? null;
}

function sentence(facts: Omit<Summary, 'text'>, node: string): string {
  const { client, realServer, task, counters, loss } = facts;
  const from = facts.node === null ? `${facts.peer ?? 'a peer'} → ${node}` : `${node} (${facts.node})`;
  const server = realServer === null ? [] : [task === null ? realServer : `${task} (${realServer})`];
  const way = [client, from, ...facts.places.filter((name) => name !== 'host' && name !== task), ...server].join(' → ');
  const traffic = counters === null ? '' : `${amount(counters.there)} there and ${amount(counters.back)} back, `;
  return `${way}: ${traffic}${endingWords(facts)}${loss === null ? '' : `; ${loss.why}`}.`;
}

function amount({ packets, bytes }: LiveCounters): string {
  return `${plural(packets, 'packet')} (${plural(bytes, 'byte')})`;
}

function endingWords({ ending, endedBy: by, protocol, durationMilliseconds }: Pick<Summary, 'ending' | 'endedBy' | 'protocol' | 'durationMilliseconds'>): string {
  const time = span(durationMilliseconds);
  const whose = by === null ? '' : `, the ${by}’s first,`;
  const words: Readonly<Record<Ending, string>> = {
    closed: `${protocol === 'tcp' ? 'closed by FIN from both sides' : 'closed by both sides'}${whose} after ${time}`,
    reset: `ended by a reset (RST) after ${time}`,
    refused: `refused by a reset (RST) after ${time}`,
    answered: `answered after ${time}`,
    unanswered: `not answered in ${time}`,
    'half-closed': `closed by ${by === null ? 'one side' : `the ${by}`} alone, followed for ${time}`,
    'timed out': `forgotten by the kernel while it was open, after ${time}`,
    interrupted: `followed for ${time}, and still open`,
  };
  return words[ending];
}
