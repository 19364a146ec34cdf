/** Runs the walk-through's pages in the lab, or writes what the lab says into them (ROUTEMESH_WALK_THROUGH=write, by `scripts/walk-through --write`). */
import { afterAll, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { normalised } from '../../support/walk-through/normalise.js';
import { changesSomething, stepsOf, withOutputs, type Step } from '../../support/walk-through/page.js';
import { eventually, lab, shell } from './lab.js';

const writes = process.env.ROUTEMESH_WALK_THROUGH === 'write';
/** Milliseconds that the mesh has to follow a change before its outcome is written down; in a test it is waited for. */
const settling = 3_000;

/** One test for each of the page's commands, in the page's order. `name`: the page's file in docs/. */
export function walkThrough(name: string): void {
  const file = new URL(`../../../docs/${name}`, import.meta.url);
  const page = readFileSync(file, 'utf8');
  const written = new Map<number, string[]>();
  afterAll(() => {
    if (writes) writeFileSync(file, withOutputs(readFileSync(file, 'utf8'), written));
  });
  it.each(stepsOf(page).map((step) => [`line ${step.line}: ${step.place}: ${step.command.split('\n')[0] ?? ''}`, step] as const))('%s', async (_name, step) => {
    if (writes) written.set(step.line, await writtenOutput(step));
    else if (changesSomething(step.command)) expect(normalised(await run(step))).toEqual(normalised(step.output));
    else await eventually(async () => { expect(normalised(await run(step))).toEqual(normalised(step.output)); }, 30_000);
  }, 180_000);
}

async function writtenOutput(step: Step): Promise<string[]> {
  const output = await run(step);
  if (changesSomething(step.command)) await new Promise((resolve) => setTimeout(resolve, settling));
  return output;
}

/** What it prints on both of its outputs, in a shell as people have it: a failure is what the page shows of it. */
async function run({ place, command }: Step): Promise<string[]> {
  const text = place === 'lab' ? await lab(labWords(command)) : await shell(place, `set +eu +o pipefail; exec 2>&1\n${command}`);
  return text === '' ? [] : text.replace(/\n+$/, '').split('\n').map((line) => line.trimEnd());
}

/** The words behind `scripts/lab` of a command without quotes and pipes, which is all that a page needs there. */
function labWords(command: string): string[] {
  const [program, ...words] = command.trim().split(/\s+/);
  if (program !== 'scripts/lab' || /['"|&;$`\\<>]/.test(command)) throw new Error(`expected a plain command of scripts/lab, got ${command}`);
  return words;
}
