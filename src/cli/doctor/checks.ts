/** All checks, in groups, in the order in which they are told. */
import type { Settings } from '../../settings.js';
import { checkController, type ControllerProbes } from './controller.js';
import { checkDocker } from './docker.js';
import { fail, type Finding } from './finding.js';
import { checkFirewallManagers, checkForwardOrder } from './firewall.js';
import { checkModules } from './modules.js';
import { checkGatewaySubnet, checkMtu, checkSysctls, checkSysctlsWritable, checkVxlanPort } from './network.js';
import type { Probes } from './probes.js';
import { checkNode, checkPlatform, checkPrivileges } from './process.js';
import { checkIptables, checkViewers } from './tools.js';

export interface FindingGroup {
  readonly title: string;
  readonly findings: readonly Finding[];
}

type Check = (probes: Probes, settings: Settings) => Finding[] | Promise<Finding[]>;

/** Without these `run` need not begin. Docker is not among them: the last good state is served while it is away. */
const needed: Readonly<Record<string, readonly Check[]>> = {
  Process: [checkPlatform, checkNode, checkPrivileges],
  Kernel: [checkModules, checkSysctlsWritable],
  Tools: [checkIptables],
};

const all: Readonly<Record<string, readonly Check[]>> = {
  Process: needed.Process ?? [],
  Kernel: [checkModules, checkSysctls, checkSysctlsWritable],
  Tools: [checkIptables, checkViewers],
  Cluster: [checkDocker],
  Network: [checkGatewaySubnet, checkVxlanPort, checkMtu, checkForwardOrder, checkFirewallManagers],
};

export async function runAllChecks(probes: Probes & ControllerProbes, settings: Settings): Promise<FindingGroup[]> {
  return examine({ ...all, Controller: [() => checkController(probes, settings.controlSocket)] }, probes, settings);
}

export function runNeededChecks(probes: Probes, settings: Settings): Promise<FindingGroup[]> {
  return examine(needed, probes, settings);
}

async function examine(groups: Readonly<Record<string, readonly Check[]>>, probes: Probes, settings: Settings): Promise<FindingGroup[]> {
  return Promise.all(
    Object.entries(groups).map(async ([title, checks]) => ({
      title,
      findings: (await Promise.all(checks.map((check) => surviving(check, probes, settings)))).flat(),
    })),
  );
}

/** A check that breaks is a finding, not the end of the examination. */
async function surviving(check: Check, probes: Probes, settings: Settings): Promise<Finding[]> {
  try {
    return await check(probes, settings);
  } catch (error) {
    return [fail(check.name, `the check itself failed: ${(error as Error).message}`, 'Tell the authors of routemesh, with this line.')];
  }
}
