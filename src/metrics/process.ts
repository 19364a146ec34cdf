/** What the controller's own process takes. */
import { readdir } from 'node:fs/promises';

export interface ProcessFacts {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** Null where /proc can't be read. */
  readonly openFiles: number | null;
  /** Since 1970. */
  readonly startSeconds: number;
  /** `20.19.2` */
  readonly nodeVersion: string;
}

export async function readProcess(): Promise<ProcessFacts> {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  const files = await readdir('/proc/self/fd').catch(() => null);
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    openFiles: files?.length ?? null,
    startSeconds: startedAt,
    nodeVersion: process.versions.node,
  };
}

/** The wall clock may be set meanwhile: the start is told the same for ever. */
const startedAt = Math.round(Date.now() / 1_000 - process.uptime());
