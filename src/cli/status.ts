/** `routemesh status`: what the running controller says of this node. */
import type { EventListing } from '../controller/event-log.js';
import { isHealthy, type StatusReport } from '../controller/report.js';
import type { MeshEvent } from '../event.js';
import { askController, NoControllerError } from '../server/control-client.js';
import { runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { writeJson, type Output } from './output.js';
import { renderStatus } from './status-view.js';

export async function runStatus(settings: Settings, json: boolean, output: Output): Promise<number> {
  const report = (await askController(settings.controlSocket, '/status').catch(explainSilence)) as StatusReport;
  if (json) writeJson(output, { ...report, events: await allEvents(settings.controlSocket) });
  else output.write(renderStatus(report, output, new Date()));
  return isHealthy(report) ? exitCodes.fine : exitCodes.failed;
}

/** The report has the latest few. */
async function allEvents(controlSocket: string): Promise<readonly MeshEvent[]> {
  return ((await askController(controlSocket, '/events')) as EventListing).events;
}

/** A controller claims the node before it answers. */
async function explainSilence(error: unknown): Promise<never> {
  const claim = error instanceof NoControllerError ? await runningController().catch(() => null) : null;
  if (claim === null) throw error;
  throw new Error(`The controller (pid ${claim.pid}) does not answer yet: it is starting, or it has another --control-socket.`);
}
