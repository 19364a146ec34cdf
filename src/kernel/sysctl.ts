/** Kernel settings of each place. They are changed, never removed; what the host had before is kept for `cleanup`. */
import { readSysctl, readSysctls, writeSysctl } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Sysctl } from '../plan/objects.js';
import { BeforeUs } from './before-us.js';
import type { OpenPlace } from './machine.js';
import { applying, observing, tryEach, type ObjectChange, type PlacePair, type Reconciler } from './reconciler.js';
import type { ObservedSysctl } from './state.js';

export type SysctlChange = ObjectChange<'sysctl', Sysctl, ObservedSysctl>;

export const sysctlReconciler: Reconciler<'sysctl', SysctlChange> = {
  observe: observing(readPlanned),
  diff: (pairs) => pairs.flatMap(diffSysctls),
  apply: applying((open, changes, machine) => {
    const before = new BeforeUs(machine.settings.stateFolder);
    return tryEach(changes, ({ desired }) => {
      if (desired === null) return; // A setting is never removed.
      const { path, value, optional } = desired;
      // IPVS's settings are there once its module is (ip_vs_ctl.c registers them per namespace).
      if (path.startsWith('net/ipv4/vs/')) open.ipvs();
      const parts = path.split('/');
      const present = readSysctl(parts, open.namespace);
      if (present === undefined && optional === true) return;
      if (open.place === 'host' && present !== undefined && present !== value) before.rememberSysctl(path, present);
      writeSysctl(parts, value, open.namespace);
    });
  }),
};

function readPlanned(open: OpenPlace, { sysctls }: PlacePlan): ObservedSysctl[] {
  const values = readSysctls(sysctls.map(({ path }) => path.split('/')), open.namespace);
  return sysctls.map(({ path }, index) => ({ path, value: values[index] ?? null }));
}

function diffSysctls({ desired, observed }: PlacePair): SysctlChange[] {
  const values = new Map(observed.sysctl.map(({ path, value }) => [path, value]));
  return desired.sysctls.flatMap((wanted): SysctlChange[] => {
    const value = values.get(wanted.path);
    const isThere = value !== undefined && value !== null;
    if (isThere && sameValue(value, wanted.value)) return [];
    // A device that is yet to be made has no settings yet: which optional ones it has is found out when it is there.
    const device = deviceOfSysctl(wanted.path);
    const deviceIsThere = device === null || observed.link.some(({ name }) => name === device);
    if (value === null && wanted.optional === true && deviceIsThere) return [];
    return [
      {
        kind: 'sysctl',
        place: desired.place,
        action: isThere ? 'change' : 'add',
        key: wanted.path,
        summary: `sysctl ${wanted.path} = ${wanted.value}${isThere ? ` (was ${value})` : ''}`,
        desired: wanted,
        observed: isThere ? { path: wanted.path, value } : null,
        device,
      },
    ];
  });
}

/** `net/ipv4/conf/eth0/rp_filter` → `eth0`; null for `all`, `default` and settings of no device. */
export function deviceOfSysctl(path: string): string | null {
  const device = /^net\/ipv[46]\/(?:conf|neigh)\/([^/]+)\//.exec(path)?.[1];
  return device === undefined || device === 'all' || device === 'default' ? null : device;
}

/** The kernel prints lists with tabs. */
function sameValue(a: string, b: string): boolean {
  return a.trim().split(/\s+/).join(' ') === b.trim().split(/\s+/).join(' ');
}
