/**
 * iptables: observed with one `iptables-save` at most, and none where nobody else has changed anything; changed with one
 * `iptables-restore --noflush -w`, which is atomic per table.
 */
import { CommandError, run } from '../../../native/index.js';
import { BeforeUs } from '../before-us.js';
import { asError } from '../errors.js';
import { applying, observing, type Reconciler, type Refusal } from '../reconciler.js';
import { diffIptables, type IptablesChange } from './diff.js';
import { editsOf, linesOf, placedRuleKey, tableOf, type EditOptions, type RestoreLine } from './edit.js';
import type { Ruleset } from './ruleset.js';
import { usesIptables, viewOf } from './view.js';
import { writeChain, writeRule } from './words.js';

/** -w waits for others who hold the lock (dockerd); for longer than this nobody should. Long rulesets take their time. */
const timeoutMs = 20_000;
const longestMs = 120_000;
const millisecondsPerLine = 2;
/** A refused rule is left out and the rest tried again, so often. */
const maxAttempts = 8;

/** iptables-restore refused a ruleset. The message shows the command, its exit code and what it said. */
export class IptablesError extends Error {
  override readonly name = 'IptablesError';
  constructor(
    /** The lines that were given to it. */
    readonly ruleset: string,
    readonly command: readonly string[],
    readonly exitCode: number | undefined,
    readonly stderr: string,
    /** The line that it refused, when it said which. */
    readonly line: string | null,
    cause: Error,
  ) {
    super(line === null ? cause.message : `${JSON.stringify(line)}: ${cause.message}`, { cause });
  }
}

export const iptablesReconciler: Reconciler<'iptables', IptablesChange> = {
  observe: observing(async (open, plan, machine) =>
    usesIptables(plan) ? viewOf(await open.ruleset().read(), plan, machine.settings.names) : { chains: [], guests: [] },
  ),
  diff: (pairs) => pairs.flatMap(diffIptables),
  apply: applying(async (open, changes, machine, teardown) => {
    if (open.place === 'host' && !teardown) {
      const present = (await open.ruleset().read()).tables;
      new BeforeUs(machine.settings.stateFolder).rememberAbsentTables([...new Set(changes.map(tableOf))].filter((table) => !present.has(table)));
    }
    return await applyIptables(open.ruleset(), changes, teardown);
  }),
};

export async function applyIptables(ruleset: Ruleset, changes: readonly IptablesChange[], teardown: boolean): Promise<Refusal[]> {
  const refused = new Map<IptablesChange, Error>();
  const without = new Set<string>();
  const refuse = (culprits: readonly IptablesChange[], error: Error): void => {
    for (const change of culprits) {
      refused.set(change, error);
      if (change.subject.type === 'rule') without.add(placedRuleKey(change.subject.chain, change.subject.rule));
    }
  };
  const pending = (): IptablesChange[] => changes.filter((change) => !refused.has(change));

  for (const change of changes) {
    const error = unsafetyOf(change);
    if (error !== null) refuse([change], error);
  }
  try {
    for (let attempt = 1; pending().length > 0; attempt += 1) {
      const failure = await tryOnce(ruleset, pending(), { teardown, without });
      if (failure === null) break;
      refuse(attempt < maxAttempts ? failure.culprits : pending(), failure.error);
    }
  } catch (error) {
    refuse(pending(), asError(error));
  }
  return [...refused].map(([change, error]) => ({ change, error }));
}

interface Failure {
  readonly culprits: readonly IptablesChange[];
  readonly error: Error;
}

/** Null: done. */
async function tryOnce(ruleset: Ruleset, changes: readonly IptablesChange[], options: EditOptions): Promise<Failure | null> {
  const lines = linesOf(editsOf(await ruleset.read(), changes, options));
  if (lines.length === 0) return null;

  const command = ['iptables-restore', '--noflush', '-w'] as const;
  const input = `${lines.map(({ text }) => text).join('\n')}\n`;
  try {
    await run(command[0], command.slice(1), { namespace: ruleset.namespace, input, timeoutMs: Math.min(longestMs, timeoutMs + lines.length * millisecondsPerLine) });
    ruleset.restored(lines);
    return null;
  } catch (error) {
    ruleset.forget();
    if (!(error instanceof CommandError)) throw error;
    const line = refusedLine(error.stderr, lines);
    const culprits = line === null ? changes : line.change === null ? changes.filter((change) => tableOf(change) === line.table) : [line.change];
    return { culprits, error: new IptablesError(input, command, error.exitCode, error.stderr, line?.text ?? null, error) };
  }
}

/** A rule that must not be written fails alone. One that is to be removed was written by somebody: it goes by number. */
function unsafetyOf({ subject, action }: IptablesChange): Error | null {
  try {
    writeChain(subject.type === 'guest' ? subject.guest.chain : subject.chain.chain);
    if (subject.type === 'guest') writeRule(subject.guest.rule);
    if (subject.type === 'rule' && action !== 'remove') writeRule(subject.rule);
    return null;
  } catch (error) {
    return asError(error);
  }
}

/** `iptables-restore: line 4 failed`, `Error occurred at line: 4`, `line 3: RULE_APPEND failed`. */
function refusedLine<Line extends RestoreLine>(stderr: string, lines: readonly Line[]): Line | null {
  const number = /\bline:? (\d+)\b/.exec(stderr)?.[1];
  return number === undefined ? null : (lines[Number(number) - 1] ?? null);
}
