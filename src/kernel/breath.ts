/** Long work in steps. */
import { setImmediate } from 'node:timers/promises';

/** Gives other work its turn. Rejects with the signal's reason if it has aborted by then. */
export async function breath(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}
