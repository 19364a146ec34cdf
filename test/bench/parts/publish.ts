/**
 * Publishing: one service with 1, 10, 50, 100 ports, new or already running. From the API's answer until every port has
 * answered on every node, asked by test/tools/probe.c from the client. Docker says when a new service's task itself began
 * to run: what comes after it is the mesh's share.
 */
import { addressOf } from '../../e2e/support/cluster.js';
import { background } from '../../e2e/support/lab.js';
import { microseconds } from '../ipvs-events.js';
import { summaries, type PartContext } from '../part.js';
import { figure, type Figure } from '../report.js';
import type { PortMapping } from '../publish-label.js';
import { createService, dockerdPublishes, publishPorts, removeServices, runningTasks, type ServiceRequest, type Side } from '../swarm.js';
import { tidied } from '../tidied.js';
import { alternate } from '../turns.js';
import { counted } from '../words.js';

const service = 'bench-publish';
const firstPort = 8000;
/** From so many ports on a turn of dockerd's takes minutes on an emulated machine, half of them for taking its rules away again. */
const manyPorts = 50;
const roundsOfMany = 3;
/** dockerd took over five minutes for 100 ports. */
const patienceSeconds = 1800;

/** Microseconds since 1970. */
interface Times {
  readonly answered: number;
  readonly running: number;
  readonly served: number;
}

interface ProbeReport {
  readonly missing: number;
  readonly last_us: number;
}

export async function* publish(context: PartContext): AsyncGenerator<readonly Figure[]> {
  for (const ports of context.small ? [1] : [1, 10, 50, 100]) yield await ofNew(context, ports);
  for (const ports of context.small ? [1] : [1, 100]) yield await ofRunning(context, ports);
}

async function ofNew({ nodes, rounds, tell }: PartContext, count: number): Promise<Figure[]> {
  const turns = turnsOf(count, rounds);
  const times = await alternate(turns, async (side, round) => {
    const sample = await publishedAnew(nodes, side, count);
    tell(`publish: ${counted(count, 'port')} by ${side}, round ${round} of ${turns}: ${seconds(sample.answered, sample.served).toFixed(2)} s, ${seconds(sample.answered, sample.running).toFixed(2)} s of it until the task runs`);
    return sample;
  });
  const described = { group: counted(count, 'port'), unit: 's', better: 'lower', at: { ports: count } } as const;
  return [
    figure({ ...described, what: 'every port answers on every node' }, ...summaries(times, ({ answered, served }) => seconds(answered, served))),
    figure({ ...described, what: '… of it until the task runs' }, ...summaries(times, ({ answered, running }) => seconds(answered, running))),
    figure({ ...described, what: '… and from there on, the mesh' }, ...summaries(times, ({ running, served }) => seconds(running, served))),
  ];
}

async function ofRunning({ nodes, rounds, tell }: PartContext, count: number): Promise<Figure[]> {
  const turns = turnsOf(count, rounds);
  const times = await alternate(turns, async (side, round) => {
    const sample = await publishedLater(nodes, side, count);
    tell(`publish: ${counted(count, 'port')} of a service that runs by ${side}, round ${round} of ${turns}: ${seconds(sample.answered, sample.served).toFixed(2)} s`);
    return sample;
  });
  return [figure(
    { group: `${counted(count, 'port')} of a service that runs already`, what: 'every port answers on every node', unit: 's', better: 'lower' },
    ...summaries(times, ({ answered, served }) => seconds(answered, served)),
  )];
}

function turnsOf(ports: number, rounds: number): number {
  return ports < manyPorts ? rounds : Math.min(rounds, roundsOfMany);
}

async function publishedAnew(nodes: readonly string[], side: Side, count: number): Promise<Times> {
  const ports = portsOf(count);
  return await cleared(nodes, async () => {
    const { answered, served } = await untilServed(nodes, side, count, () => createService(side, { name: service, ports, ...ofOneMesh(side) }));
    const [task] = await runningTasks(side, service, 1);
    return { answered, served, running: microseconds(task?.timestamp ?? '') };
  });
}

async function publishedLater(nodes: readonly string[], side: Side, count: number): Promise<Omit<Times, 'running'>> {
  return await cleared(nodes, async () => {
    await createService(side, { name: service, ports: [], ...ofOneMesh(side) });
    await runningTasks(side, service, 1);
    return await untilServed(nodes, side, count, () => publishPorts(side, service, portsOf(count)));
  });
}

/** By its virtual address Docker balances a service's load on every node, which is a second mesh where routemesh publishes it. */
function ofOneMesh(side: Side): Pick<ServiceRequest, 'withoutVirtualAddress'> {
  return { withoutVirtualAddress: side === 'routemesh' };
}

/** dockerd takes its rules away one by one, too: the next turn must not meet it at that. */
async function cleared<Result>(nodes: readonly string[], turn: () => Promise<Result>): Promise<Result> {
  return await tidied(turn, async () => {
    await removeServices(nodes, [service]);
    await dockerdPublishes(nodes, 0);
  });
}

/** From what `publishNow` gives until every port has answered on every node. */
async function untilServed(nodes: readonly string[], side: Side, count: number, publishNow: () => Promise<number>): Promise<Omit<Times, 'running'>> {
  const addresses = nodes.flatMap((node) => ['--address', addressOf(node)]);
  const probe = background('client', '/run/lab/bin/probe', ...addresses, '--seconds', String(patienceSeconds), '--ports', `${firstPort}-${firstPort + count - 1}`);
  try {
    const answered = await publishNow();
    const { stdout, stderr } = await probe.output;
    const report = JSON.parse(stdout || '{}') as Partial<ProbeReport>;
    if (report.missing !== 0 || report.last_us === undefined) throw new Error(`${side} published ${counted(count, 'port')}, and ${report.missing ?? 'all'} never answered: ${stderr}`);
    return { answered, served: report.last_us };
  } finally {
    probe.stop();
  }
}

function portsOf(count: number): PortMapping[] {
  return Array.from({ length: count }, (_, index) => ({ published: firstPort + index, target: 80 }));
}

function seconds(from: number, to: number): number {
  return (to - from) / 1e6;
}
