/** What the shell is told. */
export const exitCodes = {
  fine: 0,
  failed: 1,
  /** `plan`: there is something to do. */
  changes: 2,
  /** sysexits.h's EX_USAGE: wrong flags, wrong configuration. The systemd unit does not restart on it. */
  usage: 64,
} as const;
