/** Runs other programs: never through a shell, always with a time limit, in a network namespace when asked. */

import { spawn, type ChildProcess } from 'node:child_process';

import { enter, type NetworkNamespace } from './netns.js';

const DEFAULT_MAX_OUTPUT_BYTES = 16 << 20;
/** How much of stderr an error's message shows. */
const SHOWN_STDERR_CHARACTERS = 2000;

export interface RunOptions {
  /** Namespace that the program lives in; this process's own when left out. */
  readonly namespace?: NetworkNamespace | undefined;
  /** Written to the program's standard input, which is then closed. */
  readonly input?: string | Uint8Array | undefined;
  /** Milliseconds until it is killed (SIGKILL) and the run fails. */
  readonly timeoutMs: number;
  /** Most bytes kept of each of stdout and stderr; more kills the program and fails. Default 16 MiB. */
  readonly maxOutputBytes?: number | undefined;
  /** Its whole environment; this process's own when left out. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Kills it when aborted. */
  readonly signal?: AbortSignal | undefined;
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
    /** What went wrong besides an exit code other than 0: "ENOENT" (no such program), "timeout", "output", "aborted", "SIGSEGV". */
    readonly reason: string | undefined,
    explanation: string,
  ) {
    const shown = stderr.trim().slice(0, SHOWN_STDERR_CHARACTERS);
    super(`${command.join(' ')}: ${explanation}${shown === '' ? '' : `: ${shown}`}`);
  }
}

/** Runs a program to its end. Resolves on exit code 0, otherwise rejects with CommandError. */
export function run(command: string, commandArguments: readonly string[], options: RunOptions): Promise<RunResult> {
  const words = [command, ...commandArguments];
  const start = (): ChildProcess => spawn(command, commandArguments, {
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted === true) {
      reject(new CommandError(words, undefined, '', 'aborted', 'not started, since it was aborted before'));
      return;
    }
    // fork(2) copies the calling thread's namespace: a child spawned in this turn lives where the turn is.
    const child = options.namespace === undefined ? start() : enter(options.namespace, start);
    const limit = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT_BYTES;
    let killedFor: { reason: string; explanation: string } | undefined;
    const kill = (reason: string, explanation: string): void => {
      killedFor ??= { reason, explanation };
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open; what it says is of no interest any more.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const onTooMuch = (): void => { kill('output', `killed, since it wrote more than ${limit} bytes`); };
    const stdout = collect(child.stdout, limit, onTooMuch);
    const stderr = collect(child.stderr, limit, onTooMuch);
    const timer = setTimeout(() => { kill('timeout', `killed, since it took longer than ${options.timeoutMs} ms`); }, options.timeoutMs);
    const onAbort = (): void => { kill('aborted', 'killed, since it was aborted'); };
    options.signal?.addEventListener('abort', onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };

    child.on('error', (error: NodeJS.ErrnoException) => {
      settle();
      reject(new CommandError(words, undefined, '', error.code ?? error.message, `could not be started (${error.message})`));
    });
    child.on('close', (code, signal) => {
      settle();
      if (code === 0 && killedFor === undefined) resolve({ stdout: stdout(), stderr: stderr() });
      else if (killedFor !== undefined) reject(new CommandError(words, undefined, stderr(), killedFor.reason, killedFor.explanation));
      else if (signal !== null) reject(new CommandError(words, undefined, stderr(), signal, `was killed by ${signal}`));
      else reject(new CommandError(words, code ?? undefined, stderr(), undefined, `exit code ${code ?? 'unknown'}`));
    });
    // A program that does not read its input, or ends before: its exit code says what matters.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** Gathers a stream; the result gives what came so far as text. */
function collect(stream: NodeJS.ReadableStream | null, limit: number, onTooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream?.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > limit) onTooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}
