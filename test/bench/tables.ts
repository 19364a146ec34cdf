/** A report as tables: on the terminal, and in the documentation. Pure. */
import { tableLines } from '../../src/cli/table.js';
import type { Figure, Machine, PartReport, Report, PartName } from './report.js';
import { duration, measured, ratio } from './words.js';

const titles: Readonly<Record<PartName, string>> = {
  publish: 'Publishing',
  convergence: 'Convergence',
  'data-path': 'The data path',
  scale: 'Scale, without Docker',
  rest: 'Rest',
  churn: 'Churn',
};

const cells = {
  routemesh: (figure: Figure): string => measured(figure.routemesh, figure.unit),
  reference: ({ reference, unit }: Figure): string => (reference === null ? '' : measured(reference, unit)),
  ratio: (figure: Figure): string => ratio(figure.ratio),
};

/** Lines without line ends. */
export function terminalLines(report: Report): string[] {
  return parts(report).flatMap(([name, part]) => [
    `${titles[name]}: ${conditions(part)}`,
    `  ${machineLine(part.machine)}`,
    ...groups(part.figures).flatMap(([group, figures]) => [
      '',
      `  ${group}`,
      ...tableLines<Figure>(
        [
          { title: '', cell: ({ what }) => what },
          { title: 'routemesh', cell: cells.routemesh, align: 'right' },
          { title: referenceTitle(figures), cell: cells.reference, align: 'right' },
          { title: 'ratio', cell: cells.ratio, align: 'right' },
        ],
        figures,
        null,
        (title) => title,
      ),
    ]),
    '',
  ]);
}

/** One part for docs/performance.md. */
export function markdownOf(part: PartReport): string {
  const tables = groups(part.figures).map(([group, figures]) => {
    const compared = figures.some(({ reference }) => reference !== null);
    const row = (words: readonly string[]): string => `| ${(compared ? words : words.slice(0, 2)).join(' | ')} |`;
    return [
      row([group, 'routemesh', referenceTitle(figures), 'ratio']),
      row(['---', '---:', '---:', '---:']),
      ...figures.map((figure) => row([figure.what, cells.routemesh(figure), cells.reference(figure), cells.ratio(figure)])),
    ].join('\n');
  });
  return [`${conditions(part)}. ${machineLine(part.machine)}.`, ...tables].join('\n\n');
}

function parts(report: Report): [PartName, PartReport][] {
  return Object.entries(report.parts) as [PartName, PartReport][];
}

/** Figures that are varied alike, in the order in which they were measured. */
function groups(figures: readonly Figure[]): [string, Figure[]][] {
  const found = new Map<string, Figure[]>();
  for (const figure of figures) found.set(figure.group, [...(found.get(figure.group) ?? []), figure]);
  return [...found];
}

function referenceTitle(figures: readonly Figure[]): string {
  return figures.find(({ reference }) => reference !== null)?.reference?.name ?? '';
}

function conditions({ measuredAt, rounds, seconds, small }: PartReport): string {
  return `${small ? 'small form (it works; it measures little), ' : ''}${rounds} ${rounds === 1 ? 'round' : 'rounds'}, took ${duration(seconds)}, ${measuredAt.slice(0, 10)}`;
}

function machineLine({ cores, memoryMiB, accelerator, kernel, suite, docker, routemesh, node, nodes }: Machine): string {
  const how = accelerator === 'tcg' ? 'software emulation: only ratios mean something' : 'KVM';
  return `${nodes} ${nodes === 1 ? 'node' : 'nodes'} in a virtual machine of ${cores} cores and ${memoryMiB} MiB (${how}), Debian ${suite}, Linux ${kernel}, ${docker === null ? 'no Docker' : `Docker ${docker}`}, routemesh ${routemesh}, Node.js ${node}`;
}
