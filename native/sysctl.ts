/** Kernel settings under /proc/sys/net, per network namespace. */

import type { NetworkNamespace } from './netns.js';

/** Reads a setting, e.g. ['net','ipv4','conf','mesh0','rp_filter'] (path parts, since a device's name may hold a dot). Undefined when the kernel has no such setting here. */
export function readSysctl(_path: readonly string[], _namespace?: NetworkNamespace): string | undefined {
  throw new Error('not built yet');
}

/** Writes a setting. Throws SystemError with the setting and the value in its text. */
export function writeSysctl(_path: readonly string[], _value: string, _namespace?: NetworkNamespace): void {
  throw new Error('not built yet');
}
