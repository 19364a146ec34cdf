/** Failures of system calls, and errno numbers in words. */

import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** Names that Node's own tables leave out (asm-generic/errno.h). */
const OTHER_ERRNO_NAMES: ReadonlyMap<number, string> = new Map([
  [64, 'ENONET'],
  [76, 'ENOTUNIQ'],
  [94, 'ESOCKTNOSUPPORT'],
  [96, 'EPFNOSUPPORT'],
  [524, 'ENOTSUPP'],
]);

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map([
  ...OTHER_ERRNO_NAMES,
  ...Object.entries(constants.errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'EOPNOTSUPP')
    .map(([name, number]): [number, string] => [number, name]),
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
]);

/** Node makes this map anew at each call. */
const ERRNO_MEANINGS = getSystemErrorMap();

/** Name of a positive errno: 17 → "EEXIST"; a number unknown here → "errno 4242". */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/** Name and meaning of a positive errno: 17 → "EEXIST (file already exists)". */
export function describeErrno(errno: number): string {
  const meaning = ERRNO_MEANINGS.get(-errno)?.[1];
  return meaning === undefined ? errnoName(errno) : `${errnoName(errno)} (${meaning})`;
}

/** A system call failed. `code` is the errno's name, `subject` the object that was worked on. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;

  constructor(
    /** The call's name as in its manual page: "setns". */
    readonly syscall: string,
    /** Positive errno. */
    readonly errno: number,
    /** What it was done to: "network namespace mesh_sbox". */
    readonly subject: string,
  ) {
    super(`${syscall} failed on ${subject}: ${describeErrno(errno)}`);
    this.code = errnoName(errno);
  }
}

/** A node:fs failure as SystemError; anything else as it is. */
export function systemErrorFrom(error: unknown, syscall: string, subject: string): Error {
  const { errno } = error as NodeJS.ErrnoException;
  if (typeof errno === 'number') return new SystemError(syscall, Math.abs(errno), subject);
  return error instanceof Error ? error : new Error(String(error));
}
