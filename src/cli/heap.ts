/**
 * How far V8 lets the heap of a controller grow. Left to itself it may double what lives before it looks for what is dead,
 * and lets the space of the newborn grow to 48 MB: made for programs that own their machine. A controller is a guest of a node.
 */
import { setFlagsFromString } from 'node:v8';

/**
 * What V8 says of them: `node --v8-options`. They are read each time the heap would grow, so they may be set while it runs.
 * The heap may grow by a tenth, and looking for what is dead begins when two fifths of that are left: it takes its time, and
 * what is made meanwhile counts as living.
 */
const flags = ['--heap-growing-percent=10', '--incremental-marking-hard-trigger=60', '--semi-space-growth-factor=1'];

export function keepHeapSmall(): void {
  for (const flag of flags) setFlagsFromString(flag);
}
