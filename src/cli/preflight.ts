/** What `run` looks at before it begins: it names everything that is missing at once, with its remedy. */
import type { Settings } from '../settings.js';
import { runNeededChecks } from './doctor/checks.js';
import { findingLines } from './doctor/doctor-view.js';
import type { Finding } from './doctor/finding.js';
import { machineProbes, type Probes } from './doctor/probes.js';
import type { Output } from './output.js';

export async function findMissing(settings: Settings, probes: Probes = machineProbes()): Promise<Finding[]> {
  const groups = await runNeededChecks(probes, settings);
  return groups.flatMap((group) => group.findings).filter((finding) => finding.outcome === 'fail');
}

export function renderMissing(missing: readonly Finding[], output: Pick<Output, 'colours' | 'columns'>): string {
  const lines = missing.flatMap((finding) => findingLines(finding, output));
  return `routemesh: this node lacks what the mesh needs:\n${lines.join('\n')}\nSee also \`routemesh doctor\`.\n`;
}
