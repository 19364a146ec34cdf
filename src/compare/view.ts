/** A comparison for eyes: two columns, what differs marked with a number, and what the numbers mean at the end. Pure. */
import type { Output } from '../cli/output.js';
import { hanging, tableLines, type Column } from '../cli/table.js';
import { widthOf } from '../cli/width.js';
import { printable } from '../printable.js';
import type { ComparedPort, Comparison, Fact } from './comparison.js';

type View = Pick<Output, 'columns' | 'colours'>;

/** What is alike, and is what people look for, is shown; other settings that are alike are only counted. */
const alwaysShown = /^(?!vs\.)|^vs\.(?:conntrack|expire_nodest_conn|expire_quiescent_template)$/;

/** Lines joined, with a line end behind the last. */
export function renderComparison(comparison: Comparison, view: View): string {
  const { meshes, ports, sandbox } = comparison;
  const shown = sandbox.filter(({ what, why }) => why !== null || alwaysShown.test(what));
  const alike = sandbox.length - shown.length;
  const notes = new Notes();
  const told = (facts: readonly Fact[], titles: Titles): Table => ({ facts: facts.map((fact) => ({ ...fact, mark: fact.why === null ? '' : `≠${notes.numberOf(fact.why)}` })), titles });
  const host = told(comparison.host, [meshes.routemesh.chain, meshes.dockerd.chain]);
  const sandboxes = told(shown, [nameOf(meshes.routemesh.sandbox), nameOf(meshes.dockerd.sandbox)]);
  const eachPort = ports.map((port) => ({ title: portTitle(port, notes, view), table: told(port.facts, ['routemesh', 'dockerd']) }));
  // All in the same way: as tables where each of them fits.
  const lines = view.columns === null || [host, sandboxes, ...eachPort.map(({ table }) => table)].every((table) => tableWidth(table) <= (view.columns ?? 0)) ? tableOf : listOf;
  const blocks = [
    headline(comparison, view),
    [view.colours.bold('Host'), ...lines(host, view)],
    [view.colours.bold('Sandbox'), ...lines(sandboxes, view), ...(alike === 0 ? [] : [view.colours.dim(`  ${alike} more of IPVS’s settings are alike`)])],
    ...eachPort.map(({ title, table }) => [...title, ...lines(table, view)]),
    notes.lines(view),
  ];
  return `${blocks.filter((block) => block.length > 0).map((block) => block.join('\n')).join('\n\n')}\n`;
}

type Titles = readonly [routemesh: string, dockerd: string];

interface MarkedFact extends Fact {
  /** `≠3`; empty for what is alike. */
  readonly mark: string;
}

interface Table {
  readonly facts: readonly MarkedFact[];
  readonly titles: Titles;
}

/** `mesh_sbox`, `ingress_sbox`. */
function nameOf(path: string | null): string {
  return path === null ? '(none)' : path.slice(path.lastIndexOf('/') + 1);
}

function headline({ meshes, verdict }: Comparison, view: View): string[] {
  const { colours, columns } = view;
  const { both, onlyRoutemesh, onlyDockerd, different } = verdict;
  const missing = [meshes.routemesh.sandbox === null ? 'routemesh' : null, meshes.dockerd.sandbox === null ? 'dockerd' : null].filter((mesh) => mesh !== null);
  const counts = `${count(both, 'port')} in both meshes, ${onlyRoutemesh} in routemesh’s alone, ${onlyDockerd} in dockerd’s alone`;
  const same = different.length === 0
    ? hanging('', `SAME: ${both === 0 ? 'no port is in both meshes' : 'each port in both meshes has the same real servers'}`, columns, (text) => colours.bold(colours.green(text)))
    : hanging('', `DIFFERENT: other real servers for ${different.join(', ')}`, columns, (text) => colours.bold(colours.red(text)));
  return [...same, ...hanging('  ', counts, columns), ...missing.flatMap((mesh) => hanging('  ', `${mesh} has no sandbox on this node`, columns, colours.yellow))];
}

function portTitle({ port, service, servedBy, answering, why, sameServers }: ComparedPort, notes: Notes, view: View): string[] {
  const where = servedBy === 'both' ? 'in both' : servedBy === 'neither' ? 'closed' : `in ${servedBy}’s alone`;
  const who = servedBy === 'neither' ? '' : `, ${answering === 'nobody' ? 'nobody answers' : answering === 'others' ? 'a rule of others takes it' : `${answering} answers`}`;
  const title = printable(`${port}${service === null ? '' : `  ${service}`}: ${where}${who}${why === null ? '' : `  ≠${notes.numberOf(why)}`}`);
  return hanging('', title, view.columns, sameServers === false ? (text) => view.colours.bold(view.colours.red(text)) : view.colours.bold);
}

function tableOf({ facts, titles }: Table, { columns, colours }: View): string[] {
  const paint = (text: string, { why }: Fact): string => (why === null ? text : colours.yellow(text));
  const table: Column<MarkedFact>[] = [
    { title: '', cell: ({ mark }) => mark, paint },
    { title: '', cell: ({ what }) => what },
    { title: titles[0], cell: ({ routemesh }) => routemesh ?? '-', paint },
    { title: titles[1], cell: ({ dockerd }) => dockerd ?? '-', paint },
  ];
  return tableLines(table, facts, columns, colours.dim);
}

/** Two blanks before each of four columns. */
function tableWidth({ facts, titles }: Table): number {
  const widest = (title: string, cell: (fact: MarkedFact) => string): number => facts.reduce((width, fact) => Math.max(width, widthOf(printable(cell(fact)))), title.length);
  return 8 + widest('', ({ mark }) => mark) + widest('', ({ what }) => what) + widest(titles[0], ({ routemesh }) => routemesh ?? '-') + widest(titles[1], ({ dockerd }) => dockerd ?? '-');
}

/** One under the other. */
function listOf({ facts, titles }: Table, { columns, colours }: View): string[] {
  const wide = Math.max(...titles.map(widthOf)) + 2;
  return facts.flatMap(({ what, mark, why, routemesh, dockerd }) => {
    const lead = `  ${mark.padEnd(4)}`;
    if (routemesh === dockerd) return hanging(lead, `${what}: ${routemesh ?? '-'} in both`, columns);
    const paint = why === null ? (text: string) => text : colours.yellow;
    return [...hanging(lead, what, columns, paint), ...hanging(`        ${titles[0].padEnd(wide)}`, routemesh ?? '-', columns, paint), ...hanging(`        ${titles[1].padEnd(wide)}`, dockerd ?? '-', columns, paint)];
  });
}

/** Each reason is told once. */
class Notes {
  private readonly numbers = new Map<string, number>();

  numberOf(why: string): number {
    const number = this.numbers.get(why) ?? this.numbers.size + 1;
    this.numbers.set(why, number);
    return number;
  }

  lines({ columns, colours }: View): string[] {
    if (this.numbers.size === 0) return [];
    return [colours.bold('Why they differ'), ...[...this.numbers].flatMap(([why, number]) => hanging(`  ≠${number}`.padEnd(6), why, columns))];
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
