/** A trace for eyes: hop by hop, place by place; the verdict last, where a terminal ends. */
import type { Output } from '../cli/output.js';
import { hanging, tableLines, type Column } from '../cli/table.js';
import { printable } from '../printable.js';
import type { Branch, End, Hop, MetRule, Trace } from './hop.js';
import { plural } from './words.js';

type View = Pick<Output, 'columns' | 'colours'>;

/** Of branches that end, more than a few are alike. */
const mostEnding = 3;

/** Lines joined, with a line end behind the last. */
export function renderTrace(trace: Trace, view: View): string {
  const { branches, back } = trace;
  const blocks = [
    [...headline(trace, view), ...hopsLines(trace.hops, trace, view)],
    ...(branches.length === 0 ? [] : [serverLines(branches, view)]),
    ...toldBranches(branches).map((branch) => [...hanging('', `To ${nameOf(branch)}`, view.columns, view.colours.bold), ...hopsLines(branch.hops, trace, view)]),
    ...(back.length === 0 ? [] : [[view.colours.bold('Back to the client'), ...hopsLines(back, trace, view)]]),
    verdictLines(trace, view),
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function headline({ protocol, port, service, packet }: Trace, view: View): string[] {
  const from = `from ${packet.source}${packet.device === null ? '' : ` by ${packet.device}`}`;
  return hanging('', `${protocol}/${port}${service === null ? '' : ` of service ${service}`}, ${from} to ${packet.destination}`, view.columns, view.colours.bold);
}

/** Hops of one place that follow each other share its name. */
function hopsLines(hops: readonly Hop[], { verdict }: Trace, view: View): string[] {
  return hops.flatMap((hop, index) => [
    ...(hops[index - 1]?.name === hop.name ? [] : hanging('', hop.name, view.columns)),
    ...hopLines(hop, view),
    // What ends the whole way is explained once, by the verdict.
    ...(hop.why === null || hop.why === verdict.end?.why ? [] : endLines(inner, { why: hop.why, remedy: hop.remedy ?? '' }, view)),
  ]);
}

function endLines(lead: string, { why, remedy }: End, { columns, colours }: View): string[] {
  return [...hanging(lead, why, columns, colours.red), ...hanging(lead, `→ ${remedy}`, columns, colours.cyan)];
}

const marks: Readonly<Record<Hop['outcome'], string>> = { passes: 'ok  ', unknown: '?   ', ends: 'ENDS' };

function hopLines(hop: Hop, view: View): string[] {
  const { colours, columns } = view;
  const paint = { passes: colours.green, unknown: colours.yellow, ends: colours.red }[hop.outcome];
  const lead = `  ${marks[hop.outcome]}  `;
  const [first = '', ...rest] = hanging(lead, `${hop.step}: ${hop.what}`, columns);
  return [
    `  ${paint(marks[hop.outcome])}${first.slice(lead.length - 2)}`,
    ...rest,
    ...hop.rules.flatMap((rule) => ruleLines(rule, hop.rules, view)),
    ...hop.notes.flatMap((note) => hanging(inner, note, columns, colours.yellow)),
    // Never broken by us: a terminal that breaks it still copies it whole.
    ...hop.commands.map((line) => `${inner}${colours.dim(`$ ${printable(line)}`)}`),
  ];
}

const inner = ' '.repeat(8);
/** A rule that would have less room beside its name gets lines of its own below it. */
const leastRoom = 36;

function ruleLines(rule: MetRule, all: readonly MetRule[], { columns, colours }: View): string[] {
  const label = `${labelOf(rule).padEnd(widest(all.map(labelOf)))}  ${packetsOf(rule).padStart(widest(all.map(packetsOf)))}`;
  const paint = rule.outcome === 'decides' ? colours.bold : rule.outcome === 'unknown' ? colours.yellow : colours.dim;
  const lead = `${inner}${printable(label)}  ${'  '.repeat(rule.depth)}`;
  if (columns === null || columns - lead.length >= leastRoom) return hanging(lead, rule.rule, columns, paint);
  return [`${inner}${printable(label.trimEnd())}`, ...hanging(`${inner}  `, rule.rule, columns, paint)];
}

function widest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

function labelOf({ chain, number, outcome }: MetRule): string {
  return `${outcome === 'unknown' ? '? ' : ''}${chain}${number === null ? '' : ` ${number}`}`;
}

function packetsOf({ counters }: MetRule): string {
  return counters === null ? '' : plural(counters.packets, 'packet');
}

function serverLines(branches: readonly Branch[], view: View): string[] {
  const { colours } = view;
  const paints = { reaches: colours.green, ends: colours.red, drained: colours.yellow };
  const columns: Column<Branch>[] = [
    { title: 'REAL SERVER', cell: ({ address, port }) => `${address}:${port}` },
    { title: 'WEIGHT', align: 'right', cell: ({ weight }) => String(weight) },
    { title: 'ACTIVE', align: 'right', cell: ({ active }) => String(active), rank: 2 },
    { title: 'INACTIVE', align: 'right', cell: ({ inactive }) => String(inactive), rank: 3 },
    { title: 'TASK', cell: ({ task }) => task ?? '(unknown)' },
    { title: 'NODE', cell: ({ node }) => node ?? '', rank: 1 },
    { title: 'WAY', cell: ({ outcome }) => outcome, paint: (text, { outcome }) => paints[outcome](text) },
  ];
  return [colours.bold('IPVS sends it to one of'), ...tableLines(columns, branches, view.columns, colours.dim)];
}

/** A few that end; of those that reach their task one of this node and one of each other kind, for the rest are alike. */
function toldBranches(branches: readonly Branch[]): Branch[] {
  const reaching = branches.filter(({ outcome }) => outcome === 'reaches');
  const kinds = [reaching.find((branch) => !isRemote(branch)), reaching.find(isRemote)].filter((branch) => branch !== undefined);
  return [...branches.filter(({ outcome }) => outcome === 'ends').slice(0, mostEnding), ...kinds];
}

function isRemote({ hops }: Branch): boolean {
  return hops.some(({ place }) => place === 'peer');
}

function nameOf({ task, address, port }: Branch): string {
  return task === null ? `${address}:${port}` : `${task} (${address}:${port})`;
}

function verdictLines({ verdict, protocol, port }: Trace, view: View): string[] {
  const { colours, columns } = view;
  const { reaches, certain, servers, reached, end } = verdict;
  const whole = reaches && reached === servers;
  const paint = (text: string): string => colours.bold((reaches ? (whole && certain ? colours.green : colours.yellow) : colours.red)(text));
  const probably = certain ? '' : 'PROBABLY ';
  const doubt = certain ? [] : hanging('  ', 'What is marked with ? can’t be told from here.', columns, colours.yellow);
  if (reaches) return [...hanging('', `${probably}REACHES: ${protocol}/${port} leads to ${reached} of ${plural(servers, 'task')}, and back`, columns, paint), ...doubt];
  const where = end === null ? 'nowhere' : `${end.name}, ${end.step}: ${end.what}`;
  return [
    ...hanging('', `${probably}ENDS at ${where}`, columns, paint),
    ...(end === null ? [] : endLines('  ', end, view)),
    ...doubt,
  ];
}
