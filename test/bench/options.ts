/** What the command line asks for. Pure: words in, options or a usage error out. */
import { partNames, type PartName } from './report.js';

export interface Options {
  /** Parts to measure; none: only the documentation is made again, from what was measured before. */
  readonly parts: readonly PartName[];
  readonly small: boolean;
  readonly rounds: number;
  /** Of churn. */
  readonly minutes: number;
  /** The most that convergence is measured beside. */
  readonly services: number;
  /** The most that are published, in the parts that measure by their number. */
  readonly ports: number;
  /** The report; one that is there keeps the parts that are not measured now. */
  readonly json: string | null;
  /** Write what was measured into docs/. */
  readonly docs: boolean;
  /** A lab that is up and stays so; null: one of our own, brought up and down. */
  readonly lab: string | null;
}

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const help = `scripts/bench: routemesh beside dockerd's ingress, in one virtual machine and one run.

  scripts/bench PART... [FLAGS]   publish      from \`service create\` until every port answers on every node
                                  convergence  from a task that comes or goes until every node knows
                                  data-path    connections, first byte, throughput, datagrams; 1 to 5,000 ports
                                  scale        10 to 10,000 ports on 3 and 100 nodes, beside the kernel's own tools
                                  rest         what an idle controller takes
                                  churn        whether it grows while services come and go
                                  all          these six
  scripts/bench docs              make the tables and plots in docs/ again, from docs/performance.json

      --rounds N      how often each is measured, dockerd and routemesh in turn (default 3)
      --minutes N     how long \`churn\` goes on (default 60; two rounds with --small)
      --services N    how many services there are in the second half of \`convergence\` (default 50; 1: none)
      --ports N       leave out the sizes of \`data-path\` and \`scale\` that have more, but for the smallest
      --small         the smallest sizes, one round: shows that it works, measures little
      --json FILE     write the report; parts that FILE has and that are not measured now stay in it
      --docs          write the report to docs/performance.json, and the tables and plots in docs/
      --lab NAME      use this lab, which is up and stays up (default: one named bench, for this run)

Where KVM does not run, the lab is emulated in software, ten to twenty times slower than the machine:
ratios mean something there, times do not. See docs/performance.md and docs/lab.md.

  scripts/bench publish --rounds 5
  scripts/bench all --docs
`;

/** Null: the help was asked for. */
export function readOptions(words: readonly string[]): Options | null {
  const parts = new Set<PartName>();
  const given: { rounds?: number; minutes?: number; services?: number; ports?: number; json?: string; lab?: string } = {};
  let small = false;
  let docs = false;
  const rest = words.flatMap((word) => (/^--[a-z]+=/.test(word) ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)] : [word]));
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const part = partNames.find((name) => name === word);
    if (part !== undefined) parts.add(part);
    else if (word === 'all') partNames.forEach((name) => parts.add(name));
    else if (word === 'docs' || word === '--docs') docs = true;
    else if (word === '--small') small = true;
    else if (word === '--rounds') given.rounds = wholeNumber(word, rest.shift(), 1000);
    else if (word === '--minutes') given.minutes = wholeNumber(word, rest.shift(), 7 * 24 * 60);
    else if (word === '--services') given.services = wholeNumber(word, rest.shift(), 500);
    else if (word === '--ports') given.ports = wholeNumber(word, rest.shift(), 10_000);
    else if (word === '--json') given.json = value(word, rest.shift());
    else if (word === '--lab') given.lab = value(word, rest.shift());
    else if (word === '--help' || word === '-h' || word === 'help') return null;
    else throw new UsageError(`unknown word '${word}'; the parts are ${partNames.join(', ')} and all`);
  }
  if (parts.size === 0 && !docs) throw new UsageError(`expected a part: ${partNames.join(', ')} or all`);
  if (small && docs) throw new UsageError('--small measures too little for the documentation: leave out --small or --docs');
  return {
    parts: partNames.filter((name) => parts.has(name)),
    small,
    docs,
    rounds: given.rounds ?? (small ? 1 : 3),
    minutes: given.minutes ?? 60,
    services: given.services ?? (small ? 1 : 50),
    ports: given.ports ?? (small ? 1 : 10_000),
    json: given.json ?? null,
    lab: given.lab ?? null,
  };
}

function value(flag: string, word: string | undefined): string {
  if (word === undefined || word === '') throw new UsageError(`${flag} needs a value`);
  return word;
}

function wholeNumber(flag: string, word: string | undefined, most: number): number {
  if (!/^[1-9]\d{0,5}$/.test(value(flag, word)) || Number(word) > most) throw new UsageError(`${flag} is a whole number from 1 to ${most}, got '${word}'`);
  return Number(word);
}
