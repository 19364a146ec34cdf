/**
 * One connection as the namespaces of a node tell it: a client's port 50000 to tcp/8080 of h1, sent to web.1 (10.0.0.5:80).
 * Tests leave out what did not happen.
 */
import type { ConntrackEntry, ConntrackEvent } from '../../../../native/index.js';
import type { Moment } from '../../../../src/trace/live/moment.js';
import { Story, type Listened, type StoryRequest } from '../../../../src/trace/live/story.js';

export const client = '192.168.56.100';
export const server = '10.0.0.5';

export const places = {
  host: { key: 'host', place: 'host', name: 'host' },
  sandbox: { key: 'sandbox', place: 'sandbox', name: 'mesh_sbox' },
  fabric: { key: 'fabric', place: 'fabric', name: 'mesh_fabric' },
  task: { key: 'task 4711', place: 'task', name: 'web.1' },
  otherTask: { key: 'task 4712', place: 'task', name: 'web.2' },
} as const satisfies Record<string, Listened>;

type Place = keyof typeof places;

/** Where the connection goes to in each place, and who answers it there. */
const ways: Readonly<Record<Place, readonly [to: string, from: string]>> = {
  host: ['192.168.56.11:8080', '172.30.0.2:8080'],
  sandbox: ['172.30.0.2:8080', `${server}:80`],
  fabric: [`${server}:80`, `${server}:80`],
  task: [`${server}:80`, `${server}:80`],
  otherTask: ['10.0.0.6:80', '10.0.0.6:80'],
};

export type Parts = Partial<ConntrackEntry> & { readonly clientPort?: number; readonly zoneThere?: number };

export function entry(place: Place, { clientPort = 50000, zoneThere, ...parts }: Parts = {}): ConntrackEntry {
  const [there, back] = ways[place].map((text) => ({ address: text.split(':')[0] ?? '', port: Number(text.split(':')[1]) }));
  if (there === undefined || back === undefined) throw new Error(`no way for ${place}`);
  return {
    id: clientPort, zone: 0, mark: 0, seenReply: false, assured: false, sourceTranslated: false, destinationTranslated: there.address !== back.address,
    timeoutSeconds: 120, state: 'SYN_SENT', closedFirst: undefined, counters: undefined,
    original: { protocol: 6, source: client, sourcePort: clientPort, destination: there.address, destinationPort: there.port, zone: zoneThere },
    reply: { protocol: 6, source: back.address, sourcePort: back.port, destination: client, destinationPort: clientPort, zone: undefined },
    ...parts,
  };
}

export function storyOf(request: Partial<StoryRequest> = {}): Story {
  return new Story({
    protocol: 'tcp', port: 8080, client: null,
    isLocal: (address) => address === '192.168.56.11',
    isServer: (address, port) => address === server && port === 80,
    ...request,
  });
}

/** A story with a clock of its own: each event is a millisecond after the one before. */
export class Telling {
  private now = 1_000_000;
  readonly moments: Moment[] = [];

  constructor(readonly story: Story = storyOf()) {}

  /** The same event in each place, in this order. */
  hear(kind: ConntrackEvent['kind'], which: readonly Place[], parts: Parts = {}): this {
    for (const place of which) this.moments.push(...this.story.hear(places[place], { kind, entry: entry(place, parts) }, (this.now += 1)));
    return this;
  }

  /** `host appeared SYN_SENT`. */
  get told(): string[] {
    return this.moments.map((moment) => ('entry' in moment ? `${moment.name} ${moment.type} ${moment.entry.state ?? ''}` : `${moment.type} ${moment.type === 'ipvs' ? moment.connection.state : moment.socket.state}`));
  }

  get places(): string[] {
    return this.story.chapters.map(({ where }) => where.name);
  }
}

export const all: readonly Place[] = ['host', 'sandbox', 'fabric', 'task'];

/** From SYN to the last ACK. */
export function whole(telling = new Telling()): Telling {
  return telling
    .hear('new', all)
    .hear('update', all, { state: 'SYN_RECV', seenReply: true })
    .hear('update', all, { state: 'ESTABLISHED', seenReply: true, assured: true })
    .hear('update', all, { state: 'FIN_WAIT', seenReply: true, closedFirst: 'reply' })
    .hear('update', all, { state: 'LAST_ACK', seenReply: true, closedFirst: 'reply' })
    .hear('update', all, { state: 'TIME_WAIT', seenReply: true, closedFirst: 'reply' });
}
