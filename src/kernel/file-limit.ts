/** How many files this process may have open: each placeholder is one. */
import { readFileSync } from 'node:fs';

/** What the controller itself needs: namespaces, netlink sockets, what commands read and write, connections of those who ask it. */
const reserved = 512;

/** Placeholder sockets that this process can hold. */
export function mostPlaceholders(): number {
  return Math.max(0, openFilesIn(readFileSync('/proc/self/limits', 'utf8')) - reserved);
}

/** The soft limit (Node raises it to the hard one as it starts) of `Max open files  1024  524288  files`. */
export function openFilesIn(limits: string): number {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(limits)?.[1];
  return soft === undefined || soft === 'unlimited' ? Infinity : Number(soft);
}
