/** Kernel settings under /proc/sys/net, per network namespace. */

import { readFileSync, writeFileSync } from 'node:fs';

import { systemErrorFrom } from './errors.js';
import { enter, type NetworkNamespace } from './netns.js';

/** A setting as path parts, since a device's name may hold a dot: ['net', 'ipv4', 'conf', 'mesh0', 'rp_filter']. */
export type SysctlPath = readonly string[];

/** The file of a setting. Throws TypeError for parts that would leave /proc/sys. */
function sysctlFile(path: SysctlPath): string {
  for (const part of path) {
    if (part === '' || part === '.' || part === '..' || /[/\0]/.test(part)) {
      throw new TypeError(`Expected the parts of a sysctl, got ${JSON.stringify(path)}`);
    }
  }
  return `/proc/sys/${path.join('/')}`;
}

function inside<Result>(namespace: NetworkNamespace | undefined, action: () => Result): Result {
  return namespace === undefined ? action() : enter(namespace, action);
}

/** Reads a setting, without the newline at its end. Undefined when the kernel has no such setting here (a device or module that is not there). */
export function readSysctl(path: SysctlPath, namespace?: NetworkNamespace): string | undefined {
  return readSysctls([path], namespace)[0];
}

/** As `readSysctl`, of many settings: the namespace is entered once for all of them. */
export function readSysctls(paths: readonly SysctlPath[], namespace?: NetworkNamespace): (string | undefined)[] {
  return inside(namespace, () => paths.map((path) => {
    const file = sysctlFile(path);
    try {
      return readFileSync(file, 'utf8').trimEnd();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw systemErrorFrom(error, 'read', describe(path, namespace));
    }
  }));
}

/**
 * Writes a setting.
 * @throws SystemError ENOENT when there is no such setting here, EINVAL when the kernel does not take the value
 */
export function writeSysctl(path: SysctlPath, value: string, namespace?: NetworkNamespace): void {
  const file = sysctlFile(path);
  try {
    inside(namespace, () => { writeFileSync(file, `${value}\n`, { flag: 'r+' }); });
  } catch (error) {
    throw systemErrorFrom(error, 'write', `${describe(path, namespace)} (value ${JSON.stringify(value)})`);
  }
}

function describe(path: SysctlPath, namespace: NetworkNamespace | undefined): string {
  return `sysctl ${path.join('.')}${namespace === undefined ? '' : ` of network namespace ${namespace.label}`}`;
}
