/** `routemesh status`: what the running controller says of this node. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventListing } from '../controller/event-log.js';
import { isHealthy, type StatusReport } from '../controller/report.js';
import { askController, NoControllerError } from '../server/control-client.js';
import { runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { secondsOf } from './numbers.js';
import { writeJson, type Output } from './output.js';
import { renderStatus } from './status-view.js';
import { wrap } from './table.js';
import { runLive, type LivePage, type Size } from './terminal/live.js';

export interface StatusFlags {
  readonly json: boolean;
  /** Seconds as they were typed; true: the flag alone; undefined: one look. */
  readonly watch: string | true | undefined;
}

const usualSeconds = '2';

export async function runStatus(settings: Settings, { json, watch }: StatusFlags, output: Output): Promise<number> {
  if (watch === undefined) return show(await (json ? complete(settings) : ask(settings)), json, output);
  const intervalMilliseconds = secondsOf('--watch', watch === true ? usualSeconds : watch, { least: 0.2, most: 3_600 });
  if (output.columns !== null && !json) {
    const page = new StatusPage(settings, output);
    await runLive(page, { intervalMilliseconds, count: Infinity });
    return page.exitCode;
  }
  for (;;) {
    if (json) output.write(`${JSON.stringify(await complete(settings))}\n`);
    else output.write(`${await textOf(settings, output)}\n`);
    await sleep(intervalMilliseconds);
  }
}

function show(report: StatusReport, json: boolean, output: Output): number {
  if (json) writeJson(output, report);
  else output.write(renderStatus(report, output, new Date()));
  return exitCodeOf(report);
}

function exitCodeOf(report: StatusReport): number {
  return isHealthy(report) ? exitCodes.fine : exitCodes.failed;
}

/** With every event that is remembered: the report has the latest few. */
async function complete(settings: Settings): Promise<StatusReport> {
  const report = await ask(settings);
  const { events } = (await askController(settings.controlSocket, '/events')) as EventListing;
  return { ...report, events };
}

/** Drawn again and again; a controller that is away may come back. */
class StatusPage implements LivePage {
  exitCode: number = exitCodes.failed;
  private report: StatusReport | string = '';

  constructor(private readonly settings: Settings, private readonly output: Output) {}

  async refresh(): Promise<void> {
    this.report = await ask(this.settings).catch((error: unknown) => messageOf(error));
    this.exitCode = typeof this.report === 'string' ? exitCodes.failed : exitCodeOf(this.report);
  }

  render({ columns }: Size): string {
    const { colours } = this.output;
    return typeof this.report === 'string' ? `${wrap(this.report, columns).map(colours.red).join('\n')}\n` : renderStatus(this.report, { columns, colours }, new Date());
  }

  press(): void {
    // It has no keys of its own.
  }
}

async function textOf(settings: Settings, output: Output): Promise<string> {
  return ask(settings).then((report) => renderStatus(report, output, new Date()), (error: unknown) => `${messageOf(error)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function ask(settings: Settings): Promise<StatusReport> {
  return (await askController(settings.controlSocket, '/status').catch(explainSilence)) as StatusReport;
}

/** A controller claims the node before it answers. */
async function explainSilence(error: unknown): Promise<never> {
  const claim = error instanceof NoControllerError ? await runningController().catch(() => null) : null;
  if (claim === null) throw error;
  throw new Error(`The controller (pid ${claim.pid}) does not answer yet: it is starting, or it has another --control-socket.`);
}
