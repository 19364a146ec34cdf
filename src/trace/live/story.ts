/**
 * Events of several namespaces → the story of one connection. Pure: no clock, no kernel; the same events in the same order
 * tell the same story.
 *
 * INVARIANTS
 * - It follows one connection: the first that fits, to its end.
 * - Places are in the packet's order, each at most once, and each continues the one before (see `continues`).
 * - The sandbox tracks connections only where one of its rules needs it (`source-ip=snat`): IPVS registers no hooks of
 *   connection tracking by itself (ip_vs_register_conntrack()). Elsewhere IPVS's own entry stands in for it; where IPVS's
 *   table was only read before the tracked entry was heard, that one relieves it: it alone knows the translated source.
 * - Namespaces tell by sockets of their own, so a later place may be heard before an earlier one: what nobody waits for yet
 *   is kept for a while.
 */
import { protocolNumbers } from '../../plan/fwmark.js';
import type { ConntrackEvent, IpvsConnection, TcpSocket } from '../../../native/index.js';
import type { Ipv4Address, Protocol } from '../../cluster/state.js';
import { continues, entryOf, isChanged, turned } from './entry.js';
import type { LiveEndpoints, LiveEntry, LiveIpvsConnection, LivePlace, LiveSocket, Moment } from './moment.js';

/** What a story is asked for, and what is known of the node before it begins. */
export interface StoryRequest {
  readonly protocol: Protocol;
  /** The published number. */
  readonly port: number;
  /** Null: whoever comes. */
  readonly client: Ipv4Address | null;
  /** Is it an address of this node? */
  isLocal(address: Ipv4Address): boolean;
  /** Is it a real server of the port? */
  isServer(address: Ipv4Address, port: number): boolean;
}

/** A namespace that is listened to. */
export interface Listened {
  /** Tells it from the others: a task's is one of many. */
  readonly key: string;
  readonly place: LivePlace;
  readonly name: string;
}

/** What a story keeps of one place. */
export interface Chapter {
  readonly where: Listened;
  readonly id: number;
  readonly entry: LiveEntry;
  /** The kernel has dropped the entry. */
  readonly forgotten: boolean;
  /** A connection was open here: both sides had agreed. */
  readonly established: boolean;
}

/** What was heard of an entry before it was known to belong to the story. */
interface Candidate {
  /** Clock time in milliseconds. */
  readonly heard: readonly { readonly at: number; readonly entry: LiveEntry }[];
  readonly chapter: Chapter;
}

/** Of the chapter that IPVS's entry stands in for. The kernel's own ids are hashes. */
const standInId = 0;
const order: readonly LivePlace[] = ['host', 'sandbox', 'fabric', 'task'];
/** Of entries that may yet turn out to belong to the story: how many are kept, and for how many milliseconds. */
const mostCandidates = 2_000;
const candidateMilliseconds = 3_000;

export class Story {
  private kept: readonly Chapter[] = [];
  /** The latest view of each entry, the oldest first. */
  private readonly candidates = new Map<string, Candidate>();
  private begunAt: number | null = null;
  private changedAt = 0;
  private latestIpvs: LiveIpvsConnection | null = null;
  private latestSocket: LiveSocket | null = null;

  constructor(private readonly request: StoryRequest) {}

  /** From the client on. */
  get chapters(): readonly Chapter[] {
    return this.kept;
  }
  /** Clock time in milliseconds of its first event; null: it has not begun. */
  get begun(): number | null {
    return this.begunAt;
  }
  /** Clock time in milliseconds of the last event that said something new. */
  get lastChange(): number {
    return this.changedAt;
  }
  get ipvs(): LiveIpvsConnection | null {
    return this.latestIpvs;
  }
  get socket(): LiveSocket | null {
    return this.latestSocket;
  }

  /** `at`: clock time in milliseconds. Gives what is to be told. */
  hear(where: Listened, { kind, entry: told }: ConntrackEvent, at: number): Moment[] {
    if (told.original.protocol !== protocolNumbers[this.request.protocol]) return [];
    const known = this.kept.find((chapter) => chapter.where.key === where.key && chapter.id === told.id);
    const entry = entryOf(told);
    if (known !== undefined) return this.change(known, entry, kind === 'destroy', at);
    if (kind === 'destroy') return [];
    return this.consider({ where, id: told.id, entry, forgotten: false, established: entry.state === 'ESTABLISHED' }, kind, at);
  }

  /** What the place of a key has counted of the connection. Not told by itself. */
  count(key: string, counters: LiveEntry['counters']): void {
    this.kept = this.kept.map((each) => (each.where.key === key ? { ...each, entry: { ...each.entry, counters } } : each));
  }

  /** IPVS's whole table, of which one connection may be the story's. */
  hearIpvs(sandbox: Listened, connections: readonly IpvsConnection[], at: number): Moment[] {
    const sought = this.asComesToSandbox();
    if (sought === null) return [];
    const found = connections.find(({ protocol, client, clientPort, virtual, virtualPort }) =>
      protocol === this.request.protocol && client === sought.source && clientPort === sought.sourcePort && virtual === sought.destination && virtualPort === sought.destinationPort);
    if (found === undefined) return [];
    const { server, serverPort, state, expiresSeconds } = found;
    const isNews = state !== this.latestIpvs?.state;
    this.latestIpvs = { server, serverPort, state, expiresSeconds };
    if (!isNews) return [];
    const moment: Moment = { type: 'ipvs', at: this.since(at), place: 'sandbox', name: sandbox.name, connection: this.latestIpvs };
    if (this.kept.some(({ where }) => where.place === 'sandbox')) return [moment];
    this.keep({ where: sandbox, id: standInId, entry: untracked(sought, found), forgotten: false, established: false }, at);
    return [moment, ...this.continueStory()];
  }

  /** All TCP sockets of the task's namespace. */
  hearSockets(sockets: readonly TcpSocket[], at: number): Moment[] {
    const task = this.kept.find(({ where }) => where.place === 'task');
    if (task === undefined) return [];
    const { back } = task.entry;
    const found = sockets.find(({ local, localPort, remote, remotePort }) => local === back.source && localPort === back.sourcePort && remote === back.destination && remotePort === back.destinationPort);
    if (found === undefined) return [];
    const socket = socketOf(found);
    const isNews = socket.state !== this.latestSocket?.state || socket.accepted !== this.latestSocket.accepted || (socket.unread > 0) !== (this.latestSocket.unread > 0);
    this.latestSocket = socket;
    return isNews ? [{ type: 'socket', at: this.since(at), place: 'task', name: task.where.name, socket }] : [];
  }

  private change(known: Chapter, told: LiveEntry, isForgotten: boolean, at: number): Moment[] {
    // The end of an entry says neither state nor FINs; counters come with the end alone.
    const entry = isForgotten
      ? { ...known.entry, counters: told.counters ?? known.entry.counters }
      : { ...told, closedFirst: told.closedFirst ?? known.entry.closedFirst, counters: known.entry.counters };
    const later = { ...known, entry, forgotten: isForgotten, established: known.established || entry.state === 'ESTABLISHED' };
    this.kept = this.kept.map((chapter) => (chapter === known ? later : chapter));
    if (!isForgotten && !isChanged(known.entry, entry)) return [];
    this.changedAt = at;
    const { place, name } = known.where;
    return [{ type: isForgotten ? 'forgotten' : 'changed', at: this.since(at), place, name, entry }];
  }

  private consider(chapter: Chapter, kind: ConntrackEvent['kind'], at: number): Moment[] {
    const isFirst = this.begunAt === null && kind === 'new' && this.begins(chapter);
    if (!isFirst) {
      this.remember(chapter, at);
      return this.begunAt === null ? [] : this.continueStory();
    }
    this.begunAt = at;
    return [...this.append({ heard: [{ at, entry: chapter.entry }], chapter }), ...this.continueStory()];
  }

  /** A client's connection to this node, or a peer's to a task of this node. */
  private begins({ where, entry: { there } }: Chapter): boolean {
    const { client, port } = this.request;
    if (client !== null && there.source !== client) return false;
    if (where.place === 'host') return there.destinationPort === port && this.request.isLocal(there.destination);
    return where.place === 'fabric' && (there.zone ?? 0) !== 0 && this.request.isServer(there.destination, there.destinationPort);
  }

  /** The client's end and the sandbox's, as the host sends it on. */
  private asComesToSandbox(): LiveEndpoints | null {
    const sandbox = this.kept.find(({ where }) => where.place === 'sandbox');
    if (sandbox !== undefined) return sandbox.entry.there;
    const host = this.kept.find(({ where }) => where.place === 'host');
    return host === undefined ? null : turned(host.entry.back);
  }

  /** Whatever of what was heard continues the story's last place, or relieves a stand-in. */
  private continueStory(): Moment[] {
    const moments: Moment[] = [];
    for (;;) {
      const last = this.kept.at(-1);
      const found = [...this.candidates].find(([, { chapter }]) => last !== undefined && (follows(last, chapter) || this.relieved(chapter) !== undefined));
      if (found === undefined) return moments;
      const [key, candidate] = found;
      this.candidates.delete(key);
      moments.push(...this.append(candidate));
    }
  }

  /** Each of its states is told with the time at which it was heard. */
  private append({ heard, chapter }: Candidate): Moment[] {
    const { place, name } = chapter.where;
    this.keep(chapter, heard.at(-1)?.at ?? this.changedAt);
    return heard.map(({ at, entry }, index) => ({ type: index === 0 ? 'appeared' : 'changed', at: this.since(at), place, name, entry }));
  }

  /** The stand-in whose place in the story this chapter has. */
  private relieved(chapter: Chapter): Chapter | undefined {
    return this.kept.find((each, index) => {
      const before = this.kept[index - 1];
      return each.id === standInId && each.where.key === chapter.where.key && before !== undefined && follows(before, chapter);
    });
  }

  private keep(chapter: Chapter, at: number): void {
    const relieved = this.relieved(chapter);
    this.kept = relieved === undefined ? [...this.kept, chapter] : this.kept.map((each) => (each === relieved ? chapter : each));
    this.changedAt = Math.max(this.changedAt, at);
  }

  private remember(chapter: Chapter, at: number): void {
    const key = `${chapter.where.key} ${chapter.id}`;
    const known = this.candidates.get(key);
    const latest = known?.heard.at(-1)?.entry;
    const { entry } = chapter;
    const heard = [...(known?.heard ?? []), ...(latest === undefined || isChanged(latest, entry) ? [{ at, entry }] : [])];
    this.candidates.delete(key);
    this.candidates.set(key, { heard, chapter: { ...chapter, established: chapter.established || known?.chapter.established === true } });
    for (const [oldest, candidate] of this.candidates) {
      if ((candidate.heard.at(-1)?.at ?? at) > at - candidateMilliseconds && this.candidates.size <= mostCandidates) break;
      this.candidates.delete(oldest);
    }
  }

  private since(at: number): number {
    return Math.max(0, Math.round(at - (this.begunAt ?? at)));
  }
}

/** IPVS's entry in a conntrack entry's words. */
function untracked(there: LiveEndpoints, { client, clientPort, server, serverPort }: IpvsConnection): LiveEntry {
  const back = { source: server, sourcePort: serverPort, destination: client, destinationPort: clientPort, zone: null };
  return { there, back, zone: 0, mark: 0, state: null, answered: null, closedFirst: null, counters: null };
}

function follows(last: Chapter, next: Chapter): boolean {
  return order.indexOf(next.where.place) === order.indexOf(last.where.place) + 1 && continues(last.entry, next.entry);
}

/** States in which a socket without a program waits to be accepted; later ones have lost theirs. */
const openStates: readonly string[] = ['SYN_RECV', 'NEW_SYN_RECV', 'ESTABLISHED', 'CLOSE_WAIT'];
/** States in which a FIN has come, which counts as a byte that waits. */
const finStates: readonly string[] = ['CLOSE_WAIT', 'LAST_ACK', 'CLOSING', 'TIME_WAIT'];

function socketOf({ state, receiveQueue, sendQueue, inode }: TcpSocket): LiveSocket {
  return {
    state,
    unread: Math.max(0, receiveQueue - (finStates.includes(state) ? 1 : 0)),
    unacknowledged: sendQueue,
    accepted: inode !== 0 || !openStates.includes(state),
  };
}
