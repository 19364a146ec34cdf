import { printable } from '../../printable.js';
import type { Output } from '../output.js';
import { wrap } from '../table.js';
import type { FindingGroup } from './checks.js';
import type { Finding, Outcome } from './finding.js';

const marks: Readonly<Record<Outcome, string>> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

export function countOutcomes(groups: readonly FindingGroup[]): Record<Outcome, number> {
  const counts = { ok: 0, warn: 0, fail: 0 };
  for (const { outcome } of groups.flatMap((group) => group.findings)) counts[outcome] += 1;
  return counts;
}

export function renderFindings(groups: readonly FindingGroup[], output: Output): string {
  const blocks = groups
    .filter((group) => group.findings.length > 0)
    .map(({ title, findings }) => [output.colours.bold(title), ...joinGoodModules(findings).flatMap((finding) => findingLines(finding, output))].join('\n'));
  return `${[...blocks, verdict(countOutcomes(groups), output)].join('\n\n')}\n`;
}

/** Modules that are as they should be share a line by what they are; the eye is for the others. */
function joinGoodModules(findings: readonly Finding[]): Finding[] {
  const isGood = ({ check, outcome }: Finding): boolean => outcome === 'ok' && check.startsWith('module ');
  const names = new Map<string, string[]>();
  for (const { check, finding } of findings.filter(isGood)) names.set(finding, [...(names.get(finding) ?? []), check.slice('module '.length)]);
  const joined = [...names].map(([finding, modules]): Finding => ({ check: `modules ${modules.join(', ')}`, outcome: 'ok', finding }));
  return [...joined, ...findings.filter((finding) => !isGood(finding))];
}

/** `  FAIL  iptables-save: not installed`, its remedy below. */
export function findingLines({ check, outcome, finding, remedy }: Finding, { colours, columns }: Pick<Output, 'colours' | 'columns'>): string[] {
  const paint = { ok: colours.green, warn: colours.yellow, fail: colours.red }[outcome];
  const indent = ' '.repeat(8);
  const width = columns === null ? null : Math.max(20, columns - indent.length);
  const [first = '', ...rest] = wrap(`${check}: ${finding}`, width);
  return [
    `  ${paint(marks[outcome])}  ${first}`,
    ...rest.map((line) => `${indent}${line}`),
    ...(remedy === undefined ? [] : wrap(`→ ${remedy}`, width).map((line) => `${indent}${colours.cyan(printable(line))}`)),
  ];
}

function verdict(counts: Record<Outcome, number>, { colours }: Output): string {
  const tally = `${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} failed`;
  if (counts.fail > 0) return colours.bold(colours.red(`The mesh can't work on this node yet: ${tally}.`));
  if (counts.warn > 0) return colours.bold(colours.yellow(`The mesh can work on this node: ${tally}.`));
  return colours.bold(colours.green(`This node is fit for the mesh: ${tally}.`));
}
