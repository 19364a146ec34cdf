/** `routemesh doctor`: what is missing on this node, each with its remedy. */
import { askController } from '../server/control-client.js';
import { runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import { runAllChecks } from './doctor/checks.js';
import { countOutcomes, renderFindings } from './doctor/doctor-view.js';
import { machineProbes } from './doctor/probes.js';
import { exitCodes } from './exit-codes.js';
import { writeJson, type Output } from './output.js';

export async function runDoctor(settings: Settings, json: boolean, output: Output): Promise<number> {
  const probes = {
    ...machineProbes(),
    runningController: () => runningController(),
    ask: (path: string) => askController(settings.controlSocket, path, 3000),
  };
  const groups = await runAllChecks(probes, settings);
  const counts = countOutcomes(groups);
  if (json) writeJson(output, { counts, groups });
  else output.write(renderFindings(groups, output));
  return counts.fail === 0 ? exitCodes.fine : exitCodes.failed;
}
