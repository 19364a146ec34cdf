/** `routemesh switch SERVICE dockerd|routemesh`: moves a service from one mesh to the other and back, live. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { DockerClient } from '../cluster/docker/client.js';
import { publicationsOf, type Publication } from '../cluster/docker/publications.js';
import { SavedState } from '../cluster/saved-state.js';
import { answeringAt } from '../compare/answering.js';
import { readHost } from '../compare/observe.js';
import { ConfigurationError } from '../configuration/error.js';
import type { StatusReport } from '../controller/report.js';
import { portKey } from '../plan/fwmark.js';
import { askController } from '../server/control-client.js';
import { runningController } from '../server/controller-claim.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { secondsOf } from './numbers.js';
import { writeJson, type Output } from './output.js';
import { enabledLabel, meshes, type Mesh } from './switch/label.js';
import { nameManagers } from './switch/managers.js';
import { keptConnections, progressOf, type PortAnswer, type Progress } from './switch/progress.js';
import { setLabel, type SwitchedService } from './switch/set-label.js';
import { labelLine, resultLines, type SwitchResult } from './switch/view.js';

export interface SwitchFlags {
  readonly service: string;
  readonly to: string;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly wait: boolean;
  /** Seconds as they were typed; undefined: not at all. */
  readonly timeout: string | undefined;
}

const pauseMilliseconds = 500;
const usualTimeoutMilliseconds = 60_000;

export async function runSwitch(settings: Settings, flags: SwitchFlags, output: Output): Promise<number> {
  const to = meshes.find((mesh) => mesh === flags.to);
  if (to === undefined) throw new ConfigurationError([`Expected the mesh to be dockerd or routemesh, got ${JSON.stringify(flags.to)}.`]);
  const timeoutMilliseconds = flags.timeout === undefined ? usualTimeoutMilliseconds : secondsOf('--timeout', flags.timeout, { least: 1, most: 3_600 });
  const { source } = settings;
  if (source.kind === 'file') throw new Error(`A service of the cluster file has no label: write \`enabled: ${to === 'routemesh'}\` into ${source.path}.`);
  if (!flags.dryRun && flags.wait && (await runningController()) === null) {
    throw new Error('No controller runs on this node, so nothing here would follow the label. Start one with `routemesh run`, or set the label alone with --no-wait.');
  }

  const told = flags.json ? null : output;
  const found = await changeLabel(settings, source.socket, { ...flags, to });
  told?.write(`${labelLine(found.service, output).join('\n')}\n`);
  const result = await follow(settings, { ...flags, to, timeoutMilliseconds }, found, (line) => told?.write(line));
  if (flags.json) writeJson(output, result);
  else output.write(`${resultLines(result, output).join('\n')}\n`);
  return result.waited === null || result.waited.outcome === 'done' ? exitCodes.fine : exitCodes.failed;
}

interface Wish extends Pick<SwitchFlags, 'wait' | 'dryRun'> {
  readonly to: Mesh;
  readonly timeoutMilliseconds: number;
}

interface Found {
  readonly service: SwitchedService;
  readonly ports: readonly Publication[];
  readonly before: readonly PortAnswer[];
  readonly setAt: number;
}

async function changeLabel(settings: Settings, socket: string, { service, to, dryRun }: { service: string; to: Mesh; dryRun: boolean }): Promise<Found> {
  const docker = new DockerClient({ socket });
  const signal = AbortSignal.timeout(60_000);
  try {
    // A look first: who answers before it.
    const { raw } = await setLabel(docker, { service, to, dryRun: true }, signal);
    const ports = (publicationsOf(raw)?.ports ?? []).filter(({ enabled }) => enabled);
    const before = await answers(settings, ports);
    const setAt = Date.now();
    return { service: await setLabel(docker, { service, to, dryRun }, signal), ports, before, setAt };
  } catch (error) {
    const state = await new SavedState(settings.stateFolder).load().catch(() => null);
    throw await nameManagers(error, docker, new Map((state?.nodes ?? []).map(({ id, name }) => [id, name])), signal);
  }
}

async function answers(settings: Settings, ports: readonly Publication[]): Promise<PortAnswer[]> {
  const host = await readHost(settings);
  return ports.map(({ protocol, published, publishedBy }) => ({
    port: portKey(protocol, published), publishedBy, answering: answeringAt(host, { protocol, port: published }, settings.names),
  }));
}

async function follow(settings: Settings, wish: Wish, found: Found, tell: (line: string) => void): Promise<SwitchResult> {
  const { service, before } = found;
  const { to, dryRun } = wish;
  const { after, waited, report } = wish.wait && !dryRun ? await waitFor(settings, wish, found, tell) : { after: null, waited: null, report: null };
  return {
    service: { id: service.id, name: service.name },
    to,
    dryRun,
    label: { name: enabledLabel, before: service.before, after: service.after, changed: service.changed },
    ports: before.map(({ port, publishedBy, answering }, index) => ({ port, publishedBy, before: answering, after: after?.[index]?.answering ?? null })),
    waited,
    keptConnections: to === 'dockerd' ? keptConnections(report, service.id) : 0,
  };
}

interface Waited {
  readonly after: readonly PortAnswer[];
  readonly waited: NonNullable<SwitchResult['waited']>;
  readonly report: StatusReport | null;
}

async function waitFor(settings: Settings, { to, timeoutMilliseconds }: Wish, { service, ports, setAt }: Found, tell: (line: string) => void): Promise<Waited> {
  const began = performance.now();
  let told = '';
  for (;;) {
    const [after, report] = await Promise.all([answers(settings, ports), reportOf(settings)]);
    const progress: Progress = progressOf({ service, to, ports: after, report, setAt });
    const milliseconds = Math.round(performance.now() - began);
    const isLate = milliseconds >= timeoutMilliseconds;
    if (progress.state !== 'waiting' || isLate) {
      const outcome = progress.state === 'waiting' ? 'timeout' : progress.state;
      return { after, report, waited: { milliseconds, outcome, messages: progress.state === 'refused' ? progress.messages : [] } };
    }
    const line = `  waiting for this node’s mesh to ${to === 'routemesh' ? 'answer' : 'let go of'} ${progress.for.join(', ')}\n`;
    if (line !== told) tell(line);
    told = line;
    await sleep(pauseMilliseconds);
  }
}

/** Only what it says of refusals and open connections is taken from it; the kernel says who answers. */
async function reportOf({ controlSocket }: Settings): Promise<StatusReport | null> {
  return (await askController(controlSocket, '/status', 5_000).catch(() => null)) as StatusReport | null;
}
