/** Rest: what a controller costs when nothing happens, beside a program that does next to nothing. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { everywhere } from '../../e2e/support/cluster.js';
import { eventually, lab } from '../../e2e/support/lab.js';
import { served, status } from '../../e2e/support/mesh.js';
import { factsOf } from '../controller.js';
import type { PartContext } from '../part.js';
import { cpuBetween } from '../processes.js';
import { figure, type Figure } from '../report.js';
import { summarise } from '../statistics.js';
import { createService, removeServices, runningTasks } from '../swarm.js';
import { tidied } from '../tidied.js';

const service = 'bench-rest';

/** What somebody takes while nothing happens. */
interface Idle {
  /** CPU of one core. */
  readonly percent: number;
  readonly wakeUps: number;
  readonly residentMiB: number;
}

interface Minute {
  /** In the order of the nodes. */
  readonly controllers: readonly Idle[];
  readonly yardstick: Yardstick;
}

/** Percent of one core that test/bench/wake.ts takes, in the lab and on its host. */
interface Yardstick {
  readonly inLab: number;
  readonly onHost: number;
}

export async function* rest({ nodes, rounds, small, tell }: PartContext): AsyncGenerator<readonly Figure[]> {
  const seconds = small ? 5 : 60;
  await createService('both', { name: service, ports: [{ published: 8080, target: 80 }], replicas: nodes.length });
  yield await tidied(async () => {
    await runningTasks('dockerd', service, nodes.length);
    for (const node of nodes) await served({ 'tcp/8080': nodes.length }, node);
    await quiet(nodes);
    const minutes: Minute[] = [];
    while (minutes.length < rounds) {
      // At once: an emulated machine is slower at one time than at another.
      const [controllers, yardstick] = await Promise.all([idleFor(seconds, nodes), yardstickFor(seconds)]);
      minutes.push({ controllers, yardstick });
      tell(`rest: round ${minutes.length} of ${rounds}: ${controllers.map(({ percent }) => percent.toFixed(2)).join(', ')} % of a core, next to nothing takes ${yardstick.inLab.toFixed(2)} % there and ${yardstick.onHost.toFixed(2)} % on the host`);
    }
    return figuresOf(nodes, minutes);
  }, () => removeServices(nodes, [service]));
}

/** What a start leaves to be done is not rest: until nobody but the clock makes the controllers look. */
async function quiet(nodes: readonly string[]): Promise<void> {
  await everywhere((node) => eventually(async () => {
    const reason = (await status(node)).lastSync?.reason;
    if (reason !== 'resync') throw new Error(`the controller of ${node} still has something to do: ${reason ?? 'its first sync'}`);
  }, 300_000), nodes);
}

async function idleFor(seconds: number, nodes: readonly string[]): Promise<Idle[]> {
  const before = await Promise.all(nodes.map(factsOf));
  await pause(seconds * 1000);
  const after = await Promise.all(nodes.map(factsOf));
  return before.flatMap((from, index) => {
    const to = after[index];
    if (to === undefined) return [];
    return [{
      percent: (100 * cpuBetween(from, to).total) / seconds,
      wakeUps: (to.voluntarySwitches - from.voluntarySwitches) / seconds,
      residentMiB: to.residentMiB,
    }];
  });
}

async function yardstickFor(seconds: number): Promise<Yardstick> {
  // By its text: a file that was built after the lab was up need not be seen there.
  const program = readFileSync(new URL('../wake.js', import.meta.url), 'utf8');
  const words = ['--input-type=module', '-', String(seconds)];
  const onHost = promisify(execFile)(process.execPath, words);
  onHost.child.stdin?.end(program);
  const [inLab, { stdout }] = await Promise.all([lab(['vm', '/opt/node/bin/node', ...words], program), onHost]);
  return { inLab: Number(inLab), onHost: Number(stdout) };
}

function figuresOf(nodes: readonly string[], minutes: readonly Minute[]): Figure[] {
  const inPercent = { unit: '%', better: 'lower', what: 'CPU of one core' } as const;
  const yardstick = { ...inPercent, group: 'a program that does next to nothing' } as const;
  return [
    ...nodes.flatMap((node, index) => {
      const samples = minutes.flatMap(({ controllers, yardstick: { inLab, onHost } }) => {
        const idle = controllers[index];
        return idle === undefined ? [] : [{ ...idle, percentOnHost: (idle.percent * onHost) / inLab }];
      });
      const described = { ...inPercent, group: `an idle controller on ${node}, ${index === 0 ? 'manager' : 'worker'}`, at: { node: index + 1 } } as const;
      return [
        figure(described, summarise(samples.map(({ percent }) => percent))),
        figure({ ...described, what: '… on the lab’s host, by what the program below takes there' }, summarise(samples.map(({ percentOnHost }) => percentOnHost))),
        figure({ ...described, what: 'wake-ups', unit: '/s' }, summarise(samples.map(({ wakeUps }) => wakeUps))),
        figure({ ...described, what: 'memory', unit: 'MiB' }, summarise(samples.map(({ residentMiB }) => residentMiB))),
      ];
    }),
    figure(yardstick, summarise(minutes.map(({ yardstick: { inLab } }) => inLab))),
    figure({ ...yardstick, what: '… on the lab’s host' }, summarise(minutes.map(({ yardstick: { onHost } }) => onHost))),
  ];
}
