/** Is the loop alive? A process that answers, but has been in one sync for minutes, is not. */
export interface LoopTimes {
  /** Milliseconds of a clock that never goes back. */
  readonly now: number;
  /** When the running sync began; null while none runs. */
  readonly syncBeganAt: number | null;
  /** When the last one ended; null before the first. */
  readonly syncEndedAt: number | null;
  /** After so long without a sync the next is due, in milliseconds. */
  readonly resyncMilliseconds: number;
}

export interface Health {
  readonly alive: boolean;
  /** Why it is not. */
  readonly reason?: string;
}

/** No sync takes this long, whatever the kernel and however many the tasks, in milliseconds. */
const longestSync = 120_000;

export function healthOf({ now, syncBeganAt, syncEndedAt, resyncMilliseconds }: LoopTimes): Health {
  if (syncBeganAt !== null) {
    const running = now - syncBeganAt;
    return running > longestSync ? { alive: false, reason: `a sync has been running for ${seconds(running)}` } : { alive: true };
  }
  const idle = syncEndedAt === null ? 0 : now - syncEndedAt;
  return idle > resyncMilliseconds + longestSync ? { alive: false, reason: `no sync has begun for ${seconds(idle)}` } : { alive: true };
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds / 1_000)} s`;
}
