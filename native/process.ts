/** Runs other programs: never through a shell, always with a time limit, in a network namespace when asked. */

import type { NetworkNamespace } from './netns.js';

export interface RunOptions {
  /** Namespace that the program lives in; this process's own when left out. */
  readonly namespace?: NetworkNamespace | undefined;
  /** Written to the program's standard input, which is then closed. */
  readonly input?: string | Uint8Array | undefined;
  /** Milliseconds until it is killed (SIGKILL) and the run fails. */
  readonly timeoutMs: number;
  /** Most bytes kept of each of stdout and stderr; more kills the program and fails. Default 16 MiB. */
  readonly maxOutputBytes?: number | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
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
    message: string,
    readonly command: readonly string[],
    /** Exit code; undefined when it was never started or was killed. */
    readonly exitCode: number | undefined,
    readonly stderr: string,
    /** What went wrong besides an exit code other than 0: "ENOENT" (no such program), "timeout", "output", "aborted", "SIGSEGV". */
    readonly reason: string | undefined,
  ) {
    super(message);
  }
}

/** Runs a program to its end. Resolves on exit code 0, otherwise rejects with CommandError. */
export async function run(_command: string, _arguments: readonly string[], _options: RunOptions): Promise<RunResult> {
  return Promise.reject(new Error('not built yet'));
}
