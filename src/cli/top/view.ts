/** A sample for eyes: totals, then a line for each port or real server. Pure. */
import { hexOf } from '../../plan/fwmark.js';
import { printable } from '../../printable.js';
import type { Output } from '../output.js';
import { tableLines, wrap, type Column } from '../table.js';
import type { Flow, Sample } from './sample.js';
import { linesOf, type Line, type SortKey, type TopState } from './state.js';

type View = Pick<Output, 'columns' | 'colours'>;

const sortNames: Readonly<Record<SortKey, string>> = {
  connections: 'connections/s', active: 'active connections', in: 'bytes in/s', out: 'bytes out/s', packets: 'packets/s', name: 'port',
};

/** Around the list: an empty line and titles above, an empty one and the keys below. */
const linesAround = 4;

/** Lines of the list that a terminal of so many rows has room for. */
export function roomFor(sample: Sample, view: View, rows: number): number {
  return Math.max(1, rows - headline(sample, view).length - linesAround);
}

/** `rows`: of the terminal, which then shows its keys; null: all lines, and no keys. */
export function renderTop(sample: Sample, state: TopState, view: View, rows: number | null): string {
  const { colours, columns } = view;
  const all = linesOf(sample, state);
  const shown = rows === null ? all : all.slice(state.offset, state.offset + roomFor(sample, view, rows));
  const list = sample.ports.length === 0 ? ['  no published port is served'] : tableLines(columnsFor(sample, state, view), shown, columns, colours.dim);
  const keys = rows === null ? [] : ['', ...wrap(keysLine(state, all.length, shown.length), columns).slice(0, 1).map(colours.dim)];
  return `${[...headline(sample, view), '', ...list, ...keys].join('\n')}\n`;
}

function headline({ ports, node, at }: Sample, { columns, colours }: View): string[] {
  const sum = (of: (flow: Flow) => number): number => ports.reduce((total, port) => total + of(port), 0);
  const servers = ports.reduce((count, port) => count + port.servers.length, 0);
  const what = `${node === null ? '' : `${node}  `}${at.slice(11, 19)}  ${count(ports.length, 'port')}, ${count(servers, 'real server')}`;
  const totals = `${short(sum((flow) => flow.connectionsPerSecond))} connections/s, ${short(sum((flow) => flow.active))} active; in ${short(sum((flow) => flow.bytesInPerSecond))}B/s, out ${short(sum((flow) => flow.bytesOutPerSecond))}B/s`;
  return [...wrap(printable(what), columns).map(colours.bold), ...wrap(totals, columns)];
}

function columnsFor({ ports }: Sample, { per }: TopState, { colours }: View): Column<Line>[] {
  const hasNames = ports.some(({ service }) => service !== null);
  const rate = (title: string, of: (flow: Flow) => number, rank?: number): Column<Line> => ({
    title, align: 'right', cell: ({ flow }) => short(of(flow)), ...(rank === undefined ? {} : { rank }),
    paint: (text, { flow }) => (of(flow) === 0 ? colours.dim(text) : text),
  });
  const server = (title: string, cell: (line: Line) => string, rank?: number): Column<Line>[] =>
    per === 'port' ? [] : [{ title, cell, ...(rank === undefined ? {} : { rank }) }];
  return [
    { title: 'PORT', cell: ({ port }) => port.port, paint: (text) => colours.bold(text) },
    hasNames
      ? { title: 'SERVICE', cell: ({ port }) => `${port.service ?? '-'}${port.accepting ? '' : ' (closed)'}`, ...(per === 'server' ? { rank: 5 } : {}) }
      : { title: 'MARK', cell: ({ port }) => hexOf(port.fwmark), rank: 5 },
    ...(hasNames ? server('TASK', ({ server: one }) => one?.task ?? '-') : []),
    ...server('REAL SERVER', ({ server: one }) => (one === null ? '' : `${one.address}:${one.port}`), hasNames ? 1 : undefined),
    ...(hasNames ? server('NODE', ({ server: one }) => one?.node ?? '-', 2) : []),
    ...(per === 'port' ? [{ title: 'SERVERS', align: 'right' as const, rank: 4, cell: ({ port }: Line) => String(port.servers.length) }] : []),
    ...server('WEIGHT', ({ server: one }) => String(one?.weight ?? ''), 4).map((column) => ({
      ...column, align: 'right' as const, paint: (text: string, { server: one }: Line) => (one?.weight === 0 ? colours.yellow(text) : text),
    })),
    rate('CONN/S', (flow) => flow.connectionsPerSecond),
    rate('ACTIVE', (flow) => flow.active),
    rate('INACTIVE', (flow) => flow.inactive, 3),
    rate('IN B/S', (flow) => flow.bytesInPerSecond),
    rate('OUT B/S', (flow) => flow.bytesOutPerSecond),
    rate('IN P/S', (flow) => flow.packetsInPerSecond, 6),
    rate('OUT P/S', (flow) => flow.packetsOutPerSecond, 6),
  ];
}

function keysLine({ sort, per, offset }: TopState, count: number, shown: number): string {
  const place = shown < count ? `   ↑↓ ${offset + 1}–${offset + shown} of ${count}` : '';
  return `q quit   s sort (${sortNames[sort]})   p ${per === 'port' ? 'real servers' : 'ports'}${place}`;
}

/** `0`, `999`, `1.2k`, `34k`, `5.6M`: at most four characters. */
export function short(number: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  let value = number;
  let unit = 0;
  while (value >= (unit === 0 ? 1000 : 999.5) && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text = unit === 0 || value >= 9.95 ? String(Math.round(value)) : value.toFixed(1);
  return `${text}${units[unit] ?? ''}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
