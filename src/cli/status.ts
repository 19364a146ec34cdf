/** `routemesh status`: what the running controller says of this node. */
import { isHealthy, type StatusReport } from '../controller/report.js';
import { askController } from '../server/control-client.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { writeJson, type Output } from './output.js';
import { renderStatus } from './status-view.js';

export async function runStatus(settings: Settings, json: boolean, output: Output): Promise<number> {
  const report = (await askController(settings.controlSocket, '/status')) as StatusReport;
  if (json) writeJson(output, report);
  else output.write(renderStatus(report, output, new Date()));
  return isHealthy(report) ? exitCodes.fine : exitCodes.failed;
}
