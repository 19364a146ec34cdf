/** `routemesh run`: the controller, until SIGTERM or SIGINT. */
import type { Controller } from '../controller/controller.js';
import type { Priority } from '../controller/priority.js';
import { EventLog } from '../controller/event-log.js';
import { EventRecorder } from '../event.js';
import { createLogger } from '../log-writer.js';
import type { Logger } from '../log.js';
import { claimNode } from '../server/controller-claim.js';
import { startControlServer, type ControlFacts } from '../server/control-server.js';
import { MetricsServer } from '../server/metrics-server.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { setV8Flags } from './v8-flags.js';
import { standardOutput } from './output.js';
import { findMissing, renderMissing } from './preflight.js';
import { raisePriority } from './priority.js';

export async function runController(settings: Settings, json: boolean): Promise<number> {
  const logger = createLogger(json ? { ...settings.log, format: 'json' } : settings.log);
  const missing = await findMissing(settings);
  if (missing.length > 0) {
    if (process.stderr.isTTY) process.stderr.write(renderMissing(missing, standardOutput(process.stderr)));
    else for (const { check, finding, remedy } of missing) logger.error(`${check}: ${finding}`, { remedy });
    return exitCodes.failed;
  }
  const priority = raisePriority(logger);
  setV8Flags();
  const release = await claimNode();
  try {
    await serve(settings, logger, priority);
  } finally {
    await release();
  }
  return exitCodes.fine;
}

async function serve(settings: Settings, logger: Logger, priority: Priority): Promise<void> {
  const stopping = stopOnSignals(logger);
  const { assembleController } = await import('./assembly.js');
  const eventLog = new EventLog();
  const events = new EventRecorder(eventLog, logger);
  const controller = await assembleController(settings, { eventLog, events, logger, priority }, stopping.signal);
  const facts = factsOf(controller, eventLog);
  const server = await startControlServer(settings.controlSocket, facts, logger);
  const metrics = settings.metrics === null ? null : new MetricsServer(facts, { ...settings.metrics, events, logger });
  await metrics?.start();
  const page = await (await import('./page.js')).servePage(settings, { controller, eventLog, events, logger });
  try {
    await controller.run(stopping.signal);
  } finally {
    await page?.close();
    await metrics?.close();
    await server.close();
    stopping.dispose();
  }
}

function factsOf(controller: Controller, events: EventLog): ControlFacts {
  return {
    events,
    health: () => controller.health(),
    metrics: () => scrape(controller),
    readiness: () => controller.readiness(),
    // Read as the metrics are: with ten thousand ports it takes seconds, and what happens meanwhile is not held up by it.
    report: async () => controller.report((await controller.statistics()).realServers),
    state: () => controller.clusterState(),
    plan: () => controller.nodePlan(),
    insight: () => controller.insight(),
  };
}

/** What it takes to tell the metrics is loaded when they are first asked for. */
async function scrape(controller: Controller): Promise<string> {
  const [{ exposition }, { readProcess }] = await Promise.all([import('../metrics/collect.js'), import('../metrics/process.js')]);
  return exposition(await controller.metrics(), await readProcess());
}

/** The first signal stops in good order, the second at once. Neither touches the data plane. */
function stopOnSignals(logger: Logger): { readonly signal: AbortSignal; dispose(): void } {
  const aborting = new AbortController();
  const stop = (name: NodeJS.Signals): void => {
    if (aborting.signal.aborted) process.exit(exitCodes.failed);
    logger.info('Stopping', { signal: name });
    aborting.abort(new Error(`stopped by ${name}`));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return {
    signal: aborting.signal,
    dispose: () => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
    },
  };
}
