/**
 * Runs other programs: never through a shell, always with a time limit, in a network namespace when asked.
 *
 * What a program reads and writes are files in memory: nothing is waited for but its end.
 */

import { closeSync, fstatSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

import { SystemError, systemErrorFrom } from './errors.js';
import * as libc from './libc.js';
import { enter, type NetworkNamespace } from './netns.js';
import { watchProcessEnd } from './process-end.js';

const DEFAULT_MAX_OUTPUT_BYTES = 16 << 20;
/** How much of stderr an error's message shows. */
const SHOWN_STDERR_CHARACTERS = 2000;
/** How often a process is looked at where the kernel does not tell of its end (before Linux 5.3). */
const POLL_MS = 10;

export interface RunOptions {
  /** Namespace that the program lives in; this process's own when left out. */
  readonly namespace?: NetworkNamespace | undefined;
  /** What it reads from its standard input. */
  readonly input?: string | Uint8Array | undefined;
  /** Milliseconds until it is killed (SIGKILL) and the run fails. */
  readonly timeoutMs: number;
  /** Most bytes that it may write to each of stdout and stderr; more kills the program and fails. Default 16 MiB. */
  readonly maxOutputBytes?: number | undefined;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** A program could not be started, failed, took too long or said too much. The message shows command, exit code and stderr. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    readonly command: readonly string[],
    /** Exit code; undefined when it was never started or was killed. */
    readonly exitCode: number | undefined,
    readonly stderr: string,
    /** What went wrong besides an exit code other than 0: "ENOENT" (no such program), "timeout", "output", "SIGSEGV". */
    readonly reason: string | undefined,
    explanation: string,
  ) {
    const shown = stderr.trim().slice(0, SHOWN_STDERR_CHARACTERS);
    super(`${command.join(' ')}: ${explanation}${shown === '' ? '' : `: ${shown}`}`);
  }
}

/** Runs a program to its end. Resolves on exit code 0, otherwise rejects with CommandError. */
export async function run(command: string, commandArguments: readonly string[], options: RunOptions): Promise<RunResult> {
  const { maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES, timeoutMs } = options;
  const words = [command, ...commandArguments] as const;
  const files: number[] = [];
  try {
    const [input, output, errors] = ['input', 'output', 'errors'].map((name) => {
      const fd = libc.memoryFile(`${command} ${name}`);
      files.push(fd);
      return fd;
    }) as [number, number, number];
    fill(input, options.input ?? '');
    const processId = start(words, [input, output, errors], options.namespace);
    limitOutput(processId, maxOutputBytes);
    const { status, isLate } = await end(processId, timeoutMs);
    const [stdout, stderr] = [textOf(output, maxOutputBytes), textOf(errors, maxOutputBytes)];
    throwUnlessWell(words, status, stderr, isLate ? `killed, since it took longer than ${timeoutMs} ms` : null, maxOutputBytes);
    // Only half of it was read, and nobody stopped it, where this host lets nobody be limited.
    if (fstatSync(output).size > maxOutputBytes) throw new CommandError(words, undefined, stderr, 'output', `wrote more than ${maxOutputBytes} bytes`);
    return { stdout, stderr };
  } finally {
    for (const fd of files) closeSync(fd);
  }
}

/** As this process got it. */
let environment: readonly string[] | undefined;

/** A new process has the calling thread's namespace: one that is started in this turn lives where the turn is. */
function start(words: readonly [string, ...string[]], files: readonly [number, number, number], namespace: NetworkNamespace | undefined): number {
  environment ??= Object.entries(process.env).map(([name, value = '']) => `${name}=${value}`);
  const inherited = environment;
  const spawn = (): number => libc.spawn(words, inherited, files);
  try {
    return namespace === undefined ? spawn() : enter(namespace, spawn);
  } catch (error) {
    if (!(error instanceof SystemError) || error.syscall !== 'posix_spawnp') throw error;
    throw new CommandError(words, undefined, '', error.code, `could not be started (${error.message})`);
  }
}

/** No such process: it has ended by now. The others: this host lets nobody be limited, or has a tighter limit already; the program has its time all the same. */
const unlimited: ReadonlySet<string> = new Set(['ESRCH', 'EPERM', 'ENOSYS']);

function limitOutput(processId: number, bytes: number): void {
  try {
    libc.limitFileSize(processId, bytes);
  } catch (error) {
    if (!(error instanceof SystemError) || !unlimited.has(error.code)) throw error;
  }
}

function end(processId: number, timeoutMs: number): Promise<{ readonly status: number; readonly isLate: boolean }> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    // Nobody else waits for it: until that is done its id is no other process's.
    const timer = setTimeout(() => {
      isLate = true;
      process.kill(processId, 'SIGKILL');
    }, timeoutMs);
    const look = (): boolean => {
      try {
        const status = libc.wait(processId);
        if (status === undefined) return false;
        resolve({ status, isLate });
      } catch (error) {
        reject(systemErrorFrom(error, 'waitpid', `process ${processId}`));
      }
      clearTimeout(timer);
      return true;
    };
    try {
      watchProcessEnd(processId, look);
    } catch {
      const poll = setInterval(() => {
        if (look()) clearInterval(poll);
      }, POLL_MS);
    }
  });
}

/** The status is that of wait(2): the signal that killed it, or the exit code in the second byte. */
function throwUnlessWell(command: readonly string[], status: number, stderr: string, killed: string | null, maxOutputBytes: number): void {
  const signal = status & 0x7f;
  const exitCode = (status >> 8) & 0xff;
  if (killed !== null && signal === constants.signals.SIGKILL) throw new CommandError(command, undefined, stderr, 'timeout', killed);
  if (signal === constants.signals.SIGXFSZ) throw new CommandError(command, undefined, stderr, 'output', `killed, since it wrote more than ${maxOutputBytes} bytes`);
  if (signal !== 0) throw new CommandError(command, undefined, stderr, nameOfSignal(signal), `was killed by ${nameOfSignal(signal)}`);
  if (exitCode !== 0) throw new CommandError(command, exitCode, stderr, undefined, `exit code ${exitCode}`);
}

function nameOfSignal(signal: number): string {
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}

/** From its beginning, where the reader begins, too. */
function fill(fd: number, content: string | Uint8Array): void {
  const bytes = Buffer.from(content);
  for (let written = 0; written < bytes.byteLength;) written += writeSync(fd, bytes, written, bytes.byteLength - written, written);
}

function textOf(fd: number, mostBytes: number): string {
  const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, mostBytes));
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.byteLength; length += read) read = readSync(fd, bytes, length, bytes.byteLength - length, length);
  return bytes.toString('utf8', 0, length);
}
