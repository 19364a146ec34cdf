/** The end of another process, told by the kernel at the moment of it: pidfd_open(2), Linux 5.3. */

import * as libc from './libc.js';

export interface ProcessWatch {
  /** Idempotent; nothing is told from now on. */
  close(): void;
}

/**
 * Calls back once when the process has ended, whether or not its parent has taken notice, and closes itself.
 * Needs no right over the process. One file descriptor is open meanwhile; it keeps no program running.
 *
 * `processId`: of a whole process (no other thread's), in this process's own pid namespace.
 * @throws SystemError ESRCH there is no such process (any more), ENOSYS the kernel is too old
 */
export function watchProcessEnd(processId: number, onEnd: () => void): ProcessWatch {
  const label = `process ${processId}`;
  const fd = libc.pidfdOpen(processId, label);
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    watch.close();
    libc.close(fd, label);
  };
  const watch = libc.watchReadable(fd, () => {
    close();
    onEnd();
  });
  watch.unref();
  return { close };
}
