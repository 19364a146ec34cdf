/** Failures of the machine, in words for the person who has to mend it. */
import type { Place } from '../plan/objects.js';

/** A place that a change is meant for has no namespace (any more). */
export class PlaceMissingError extends Error {
  override readonly name = 'PlaceMissingError';
  constructor(
    readonly place: Place,
    readonly path: string | null,
  ) {
    super(`${place} has no network namespace${path === null ? '' : ` (${path} is not one)`}; it is tried again`);
  }
}

/** An object refers to a network device that is not there. */
export class DeviceMissingError extends Error {
  override readonly name = 'DeviceMissingError';
  constructor(
    readonly place: Place,
    readonly device: string,
  ) {
    super(`device ${device} is not in ${place}; making it failed, or somebody has just removed it`);
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** Name of the errno that a typed error of native/ carries: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
