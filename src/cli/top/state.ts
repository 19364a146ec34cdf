/** What a person at `routemesh top` has chosen: how it is sorted, what is listed, where the list begins. Pure. */
import type { Key } from '../terminal/keys.js';
import type { Flow, PortSample, Sample, ServerSample } from './sample.js';

export const sortKeys = ['connections', 'active', 'in', 'out', 'packets', 'name'] as const;
export type SortKey = (typeof sortKeys)[number];

export const levels = ['port', 'server'] as const;
/** One line for each published port, or for each real server. */
export type Level = (typeof levels)[number];

export interface TopState {
  readonly sort: SortKey;
  readonly per: Level;
  /** First line of the list that is shown. */
  readonly offset: number;
}

export interface Line {
  readonly port: PortSample;
  /** Null: the line is the port's own. */
  readonly server: ServerSample | null;
  readonly flow: Flow;
}

const measures: Readonly<Record<SortKey, (flow: Flow) => number>> = {
  connections: (flow) => flow.connectionsPerSecond,
  active: (flow) => flow.active,
  in: (flow) => flow.bytesInPerSecond,
  out: (flow) => flow.bytesOutPerSecond,
  packets: (flow) => flow.packetsInPerSecond + flow.packetsOutPerSecond,
  name: () => 0,
};

/** Largest first; lines that are alike stay in the order of ports and addresses, so that they don't dance. */
export function linesOf({ ports }: Sample, { sort, per }: Pick<TopState, 'sort' | 'per'>): Line[] {
  const lines = ports.flatMap((port): Line[] =>
    per === 'port' ? [{ port, server: null, flow: port }] : port.servers.map((server) => ({ port, server, flow: server })),
  );
  const measure = measures[sort];
  return lines.sort((one, other) => measure(other.flow) - measure(one.flow));
}

/** `count`: lines of the list; `page`: lines that have room. */
export function press(state: TopState, key: Key, count: number, page: number): TopState {
  switch (key) {
    case 's':
    case 'right':
      return { ...state, sort: neighbour(state.sort, 1), offset: 0 };
    case 'S':
    case 'left':
      return { ...state, sort: neighbour(state.sort, -1), offset: 0 };
    case 'p':
      return { ...state, per: state.per === 'port' ? 'server' : 'port', offset: 0 };
    case 'up':
      return scrolled(state, state.offset - 1, count, page);
    case 'down':
      return scrolled(state, state.offset + 1, count, page);
    case 'page up':
      return scrolled(state, state.offset - page, count, page);
    case 'page down':
    case ' ':
      return scrolled(state, state.offset + page, count, page);
    default:
      return state;
  }
}

function neighbour(sort: SortKey, step: number): SortKey {
  return sortKeys[(sortKeys.indexOf(sort) + step + sortKeys.length) % sortKeys.length] ?? sort;
}

function scrolled(state: TopState, offset: number, count: number, page: number): TopState {
  return { ...state, offset: Math.max(0, Math.min(offset, count - page)) };
}
