/** How V8 is to treat a controller: it is a guest of a node, sleeps most of its life, and late it is worth nothing. */
import { setFlagsFromString } from 'node:v8';

/**
 * What V8 says of them: `node --v8-options`. They are read each time they matter, so they may be set while it runs.
 *
 * Memory: left to itself the heap may double before V8 looks for what is dead, and the space of the newborn grows to 48 MB,
 * made for programs that own their machine. Here the heap may grow by a tenth, and looking for what is dead begins when two
 * fifths of that are left: it takes its time, and what is made meanwhile counts as living.
 *
 * Code: what has not run for five collections would be thrown away, and a controller would have to be compiled again at the
 * first change after a quiet hour. What is compiled becomes machine code at once, plain as it is, instead of being
 * interpreted until it has run often: a controller's code runs a few times a day, and late where it is slow. And V8
 * optimizes what has run for a while, which takes longer than a controller then runs until the next change: here only what
 * runs fifteen times as long.
 */
const flags = [
  '--heap-growing-percent=10', '--incremental-marking-hard-trigger=60', '--semi-space-growth-factor=1',
  '--no-flush-bytecode', '--always-sparkplug', '--interrupt-budget=1000000',
];

export function setV8Flags(): void {
  for (const flag of flags) setFlagsFromString(flag);
}
