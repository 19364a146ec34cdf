/** Long work in steps. */
import { setImmediate } from 'node:timers/promises';

/** Gives other work of the event loop its turn. Rejects with the signal's reason if it has aborted by then. */
export async function nextTurn(signal?: AbortSignal): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}
