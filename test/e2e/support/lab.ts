/**
 * The lab from a test: commands on its nodes and its client, and conditions to wait for.
 * `scripts/test` brings the lab up; LAB_NAME says which one.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { projectFolder } from '../../support/project.js';

const labCommand = join(projectFolder, 'scripts/lab');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class LabCommandError extends Error {
  constructor(readonly command: readonly string[], readonly outcome: Outcome) {
    super(`scripts/lab ${command.join(' ')} ended with ${outcome.code}\n${outcome.stderr}${outcome.stdout}`);
    this.name = 'LabCommandError';
  }
}

/** Runs a command of scripts/lab and gives what it printed, whatever its exit code. */
export async function attempt(words: readonly string[], input = ''): Promise<Outcome> {
  const child = spawn(labCommand, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve)),
  ]);
  return { code, stdout, stderr };
}

/** The same, and a failure is an error. Gives standard output. */
export async function lab(words: readonly string[], input = ''): Promise<string> {
  const outcome = await attempt(words, input);
  if (outcome.code !== 0) throw new LabCommandError(words, outcome);
  return outcome.stdout;
}

/** A place to run commands: `on('h1')('docker', 'ps')`. */
export function on(node: string): (...command: string[]) => Promise<string> {
  return (...command) => lab(['exec', node, ...command]);
}

/** A line of shell on a node: for pipes and loops that would cost a round trip each. */
export function shell(node: string, script: string): Promise<string> {
  return lab(['exec', node, 'bash', '--norc', '-euo', 'pipefail', '-c', script]);
}

/** A command that goes on in the lab until it ends or is stopped; `output` resolves with all that it printed. */
export function background(node: string, ...command: string[]): { output: Promise<Outcome>; stop: () => void } {
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(labCommand, ['exec', node, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]).then(([stdout, stderr, code]) => ({ stdout, stderr, code }));
  return { output, stop: () => void child.kill('SIGTERM') };
}

/**
 * Repeats a check until it passes. Fails with the check's own last error, so that a test says what was missing.
 * Waiting ends with the condition; the pauses, twice as long as the check took, only keep the lab's two processors for
 * what is waited for.
 */
export async function eventually<T>(check: () => Promise<T>, within = 60_000): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    const began = Date.now();
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(Math.min(2_000, Math.max(200, 2 * (Date.now() - began))));
    }
  }
}

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
