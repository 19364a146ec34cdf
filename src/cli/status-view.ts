/** A StatusReport for eyes: healthy or not first, then why, then what is served, by which nodes, and the controller's own business last. */
import type { Condition } from '../cluster/condition.js';
import { byName } from '../cluster/sorting.js';
import type { ClusterNode } from '../cluster/state.js';
import type { PeerReport } from '../controller/peer-watch.js';
import { isHealthy, isUnserved, type BackendReport, type PortReport, type StatusReport } from '../controller/report.js';
import type { MeshEvent } from '../event.js';
import { printable } from '../printable.js';
import type { Colours, Output } from './output.js';
import { hanging, tableLines, wrap, type Column } from './table.js';
import { ago, span } from './time.js';

/** All of them: `routemesh status --json`. */
const eventsShown = 5;

type View = Pick<Output, 'columns' | 'colours'>;

/** Lines joined, with a line end behind the last. */
export function renderStatus(report: StatusReport, view: View, now: Date): string {
  const blocks = [
    [...wrapPainted(headline(report), view, headlinePaint(report, view.colours)), ...atAGlance(report, view)],
    section('Conditions', view, report.conditions.flatMap((condition) => conditionLines(condition, view))),
    section('Failures of the last sync', view, failureLines(report, view)),
    section('Published ports', view, portLines(report, view)),
    section('Nodes', view, nodeLines(report, view)),
    section('Controller', view, controllerLines(report, view, now)),
    section('Latest events', view, eventLines(report.events.slice(-eventsShown), view, now)),
  ];
  return `${blocks.filter((lines) => lines.length > 0).map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function headline(report: StatusReport): string {
  const node = `node ${report.node.name}`;
  if (report.lastSync === null) return `NOT READY: ${node}: no sync has ended yet`;
  if (!report.programmed) return `NOT PROGRAMMED: ${node}: ${count(report.lastSync.failures.length, 'failure')} in the last sync; it is tried again`;
  const unserved = report.conditions.filter(isUnserved).length;
  if (unserved > 0) return `NOT ALL SERVED: ${node}: ${count(unserved, 'condition')} below ${unserved === 1 ? 'keeps' : 'keep'} something from being served`;
  const rest = report.conditions.length;
  return `HEALTHY: ${node} serves ${count(report.ports.filter((port) => port.accepting).length, 'published port')}${rest > 0 ? `; ${count(rest, 'condition')} below to look at` : ''}`;
}

function headlinePaint(report: StatusReport, colours: Colours): (text: string) => string {
  const paint = !isHealthy(report) ? colours.red : report.conditions.length > 0 ? colours.yellow : colours.green;
  return (text) => colours.bold(paint(text));
}

/** What else a person asks first: who takes connections, do the other nodes answer, does the source. */
function atAGlance({ ports, peers, source }: StatusReport, view: View): string[] {
  const backends = ports.filter(({ accepting }) => accepting).flatMap((port) => port.backends);
  const taking = new Set(backends.filter(({ weight }) => weight > 0).map(({ taskId }) => taskId));
  const drained = new Set(ports.flatMap((port) => port.backends).filter(({ weight, taskId }) => weight === 0 && !taking.has(taskId)).map(({ taskId }) => taskId));
  const active = ports.flatMap((port) => port.backends).reduce((sum, { connections: counted }) => sum + (counted?.active ?? 0), 0);
  const dead = peers.filter(({ state }) => state === 'dead').map(({ name }) => name);
  const facts = [
    `${count(taking.size, 'task')} ${taking.size === 1 ? 'takes' : 'take'} connections${drained.size === 0 ? '' : `, ${drained.size} drained`}; ${active} active`,
    ...(peers.length === 0 ? [] : [dead.length === 0 ? `${count(peers.length, 'peer')} ${peers.length === 1 ? 'answers' : 'answer'}` : `${dead.join(', ')} of ${count(peers.length, 'peer')} ${dead.length === 1 ? 'does' : 'do'} not answer`]),
    ...(source.available ? [] : ['the source does not answer: what it said last is served']),
  ];
  return hanging('  ', facts.join('; '), view.columns, dead.length > 0 || !source.available ? view.colours.yellow : undefined);
}

function controllerLines(report: StatusReport, view: View, now: Date): string[] {
  const { source, lastSync } = report;
  const repairs = Object.entries(report.repairs).map(([kind, number]) => `${number} ${kind}`);
  const since = span(Math.max(0, now.getTime() - Date.parse(source.since)));
  const answers = source.available ? `answers, for ${since}` : `HAS NOT ANSWERED for ${since}: ${source.error ?? 'it was not asked yet'}`;
  const facts: [string, string][] = [
    ['Version', `routemesh ${report.version}, up ${span(report.uptimeSeconds * 1000)}, node id ${report.node.id}`],
    ['Source', `${source.description}: ${answers}`],
    ['Last sync', lastSync === null ? 'none yet' : `${ago(lastSync.at, now)} (${lastSync.reason}), took ${span(lastSync.durationMilliseconds)}, ${lastSync.changes === 0 ? 'nothing to change' : count(lastSync.changes, 'change')}; ${count(report.syncs, 'sync')} so far`],
    ['Repairs', repairs.length === 0 ? 'none: nobody else changed what is ours' : `${repairs.join(', ')}, changed by others and put right`],
  ];
  return facts.flatMap(([name, text]) => hanging(`  ${name.padEnd(12)}`, text, view.columns, source.available || name !== 'Source' ? undefined : view.colours.red));
}

function nodeLines(report: StatusReport, view: View): string[] {
  const peers = new Map(report.peers.map((peer) => [peer.id, peer]));
  const columns: Column<ClusterNode>[] = [
    { title: 'NAME', cell: (node) => (node.id === report.node.id ? `${node.name} (this)` : node.name) },
    { title: 'ADDRESS', cell: (node) => node.address },
    { title: 'STATE', cell: (node) => (node.ready ? 'ready' : 'down'), paint: (text, node) => (node.ready ? text : view.colours.red(text)) },
    { title: 'PEER', cell: (node) => peerWord(peers.get(node.id)), paint: (text, node) => (peers.get(node.id)?.state === 'dead' ? view.colours.red(text) : text) },
    { title: 'ID', cell: (node) => node.id, rank: 1 },
  ];
  return report.nodes.length === 0 ? [] : tableLines(columns, [...report.nodes].sort((one, other) => byName(one.name, other.name)), view.columns, view.colours.dim);
}

/** How the node answers over the fabric: `alive, 0.4 ms`, `dead, silent for 12 s`. */
function peerWord(peer: PeerReport | undefined): string {
  if (peer === undefined) return '';
  if (peer.state === 'dead') return peer.silentMilliseconds === null ? 'dead, never answered' : `dead, silent for ${span(peer.silentMilliseconds)}`;
  return peer.roundTripMilliseconds === null ? peer.state : `${peer.state}, ${peer.roundTripMilliseconds.toFixed(1)} ms`;
}

interface PortRow {
  readonly port: PortReport;
  readonly first: boolean;
  readonly backend: BackendReport | null;
}

function portLines(report: StatusReport, view: View): string[] {
  const { colours } = view;
  const nodeNames = new Map(report.nodes.map((node) => [node.id, node.name]));
  const rows = report.ports.flatMap((port): PortRow[] =>
    port.backends.length === 0 ? [{ port, first: true, backend: null }] : sorted(port.backends).map((backend, index) => ({ port, first: index === 0, backend })),
  );
  if (rows.length === 0) return ['  none: publish one with `docker service create --publish 8080:80 …`'];
  const ofBackend = (cell: (backend: BackendReport) => string) => (row: PortRow) => (row.backend === null ? '' : cell(row.backend));
  const columns: Column<PortRow>[] = [
    { title: 'PORT', cell: ({ port, first }) => (first ? `${port.protocol}/${port.published}` : ''), paint: (text) => colours.bold(text) },
    { title: 'SERVICE', cell: ({ port, first }) => (first ? `${port.serviceName}${port.accepting ? '' : ' (closed)'}` : '') },
    { title: 'TASK', cell: ({ backend }) => backend?.taskName ?? '(no task)', paint: (text, row) => paintTask(text, row, colours) },
    { title: 'NODE', cell: ofBackend((backend) => nodeNames.get(backend.nodeId) ?? backend.nodeId), rank: 2 },
    { title: 'REAL SERVER', cell: ofBackend((backend) => `${backend.address}:${backend.port}`), rank: 1 },
    { title: 'WEIGHT', align: 'right', cell: ofBackend((backend) => String(backend.weight)), paint: (text, row) => paintTask(text, row, colours) },
    { title: 'ACTIVE', align: 'right', cell: ofBackend((backend) => connections(backend, 'active')) },
    { title: 'INACTIVE', align: 'right', cell: ofBackend((backend) => connections(backend, 'inactive')), rank: 3 },
  ];
  return tableLines(columns, rows, view.columns, colours.dim);
}

function sorted(backends: readonly BackendReport[]): BackendReport[] {
  return [...backends].sort((one, other) => byName(one.taskName, other.taskName) || byName(one.address, other.address));
}

function connections(backend: BackendReport, which: 'active' | 'inactive'): string {
  return backend.connections === null ? '-' : String(backend.connections[which]);
}

/** Yellow: nobody takes connections here, or it drains. */
function paintTask(text: string, { backend }: PortRow, colours: Colours): string {
  return backend === null || backend.weight === 0 ? colours.yellow(text) : text;
}

function conditionLines(condition: Condition, view: View): string[] {
  const paint = isUnserved(condition) ? view.colours.red : view.colours.yellow;
  const { object } = condition;
  const title = `  ${paint(condition.reason)} ${printable(`${object.kind} ${object.name}`)}`;
  return [title, ...hanging('    ', condition.message, view.columns)];
}

/** The failures are conditions as well (`SyncFailed`); they are told once. */
function failureLines(report: StatusReport, view: View): string[] {
  const told = new Set(report.conditions.map((condition) => condition.message));
  return (report.lastSync?.failures ?? []).filter((failure) => !told.has(failure)).flatMap((failure) => hanging('  ', failure, view.columns, view.colours.red));
}

/** One line each: whoever wants to read on has `--json`. */
function eventLines(events: readonly MeshEvent[], view: View, now: Date): string[] {
  const columns: Column<MeshEvent>[] = [
    { title: 'WHEN', align: 'right', cell: ({ lastTime }) => ago(lastTime, now) },
    { title: 'REASON', cell: ({ reason, count: times }) => (times === 1 ? reason : `${reason} ×${times}`), paint: (text, { type }) => (type === 'Warning' ? view.colours.yellow(text) : text) },
    { title: 'OBJECT', cell: ({ object }) => `${object.kind} ${object.name}` },
    { title: 'MESSAGE', cell: ({ message }) => message },
  ];
  return events.length === 0 ? [] : tableLines(columns, events, view.columns, view.colours.dim);
}

function section(title: string, view: View, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [view.colours.bold(title), ...lines];
}

function wrapPainted(text: string, view: View, paint: (text: string) => string): string[] {
  return wrap(text, view.columns).map(paint);
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
