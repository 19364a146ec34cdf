/**
 * Rest and churn: what a controller costs when nothing happens, and whether anything of it grows while services and tasks
 * come and go as fast as Docker takes them.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { everywhere } from '../../e2e/support/cluster.js';
import { eventually, lab, shell } from '../../e2e/support/lab.js';
import { served, status } from '../../e2e/support/mesh.js';
import { factsOf, usedHeapMiB } from '../controller.js';
import { pause, type PartContext } from '../part.js';
import { cpuBetween } from '../processes.js';
import { figure, type Figure } from '../report.js';
import { slope, summarise } from '../statistics.js';
import { createService, removeServices, runningTasks, scale, type Side } from '../swarm.js';

const restful = 'bench-rest';
const warmUpMilliseconds = 300_000;

/** What a program takes more or less of from one moment to the next: whether it grows is told by all samples together. */
const amounts = {
  residentMiB: 'memory',
  anonymousMiB: 'memory that no file backs',
  heapMiB: 'JavaScript in use',
};

/** What is there or not: nothing of it may be left over. */
const counts = {
  openFiles: 'open files',
  links: 'links of host and mesh',
  rules: 'iptables rules of host and mesh',
  zones: 'conntrack zones and routing rules',
  namespaces: 'network namespaces',
};

/** What must not grow. */
type Belongings = Readonly<Record<keyof typeof amounts | keyof typeof counts, number>>;

interface Sample {
  readonly minute: number;
  readonly has: Belongings;
}

export async function* rest(context: PartContext): AsyncGenerator<readonly Figure[]> {
  const { nodes, tell } = context;
  await createService('both', { name: restful, ports: [{ published: 8080, target: 80 }], replicas: nodes.length });
  try {
    await runningTasks('dockerd', restful, nodes.length);
    for (const node of nodes) await served({ 'tcp/8080': nodes.length }, node);
    const idle = await idleFigures(context);
    tell(`rest: ${idle.filter(({ what }) => what === 'CPU of one core').map(({ routemesh }) => `${routemesh.value.toFixed(2)} % of a core`).join(', ')}`);
    yield idle;
    yield await churn(context);
  } finally {
    await removeServices(nodes, [restful]);
  }
}

interface IdleMinute {
  readonly percent: number;
  readonly wakeUps: number;
  readonly residentMiB: number;
}

/**
 * The first quiet minute is told apart: for some minutes after a start V8 still compiles what has turned out to be run often,
 * in threads of its own.
 */
async function idleFigures({ nodes, rounds, small }: PartContext): Promise<Figure[]> {
  const seconds = small ? 5 : 60;
  await quiet(nodes);
  const first = await idleFor(seconds, nodes);
  const slowness = await slownessOfLab(seconds);
  await pause(small ? 0 : warmUpMilliseconds);
  const later: IdleMinute[][] = [];
  while (later.length < rounds) later.push(await idleFor(seconds, nodes));
  return nodes.flatMap((node, index) => {
    const described = { group: `an idle controller on ${node}, ${index === 0 ? 'manager' : 'worker'}`, better: 'lower', at: { node: index + 1 } } as const;
    const summary = (minutes: readonly IdleMinute[][], value: (minute: IdleMinute) => number) => summarise(minutes.flatMap((of) => of[index] ?? []).map(value));
    const onHost = '… on the lab’s host, by a program that does as little on both';
    return [
      figure({ ...described, what: 'CPU of one core', unit: '%' }, summary(later, ({ percent }) => percent)),
      figure({ ...described, what: onHost, unit: '%' }, summary(later, ({ percent }) => percent / slowness)),
      figure({ ...described, what: 'CPU of one core in the first quiet minute', unit: '%' }, summary([first], ({ percent }) => percent)),
      figure({ ...described, what: `${onHost}, in the first quiet minute`, unit: '%' }, summary([first], ({ percent }) => percent / slowness)),
      figure({ ...described, what: 'wake-ups', unit: '/s' }, summary(later, ({ wakeUps }) => wakeUps)),
      figure({ ...described, what: 'memory', unit: 'MiB' }, summary(later, ({ residentMiB }) => residentMiB)),
    ];
  });
}

/** What the controllers take while nothing happens, in the order of the nodes. */
async function idleFor(seconds: number, nodes: readonly string[]): Promise<IdleMinute[]> {
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

/** What a start leaves to be done is not rest: until nobody but the clock makes the controllers look. */
async function quiet(nodes: readonly string[]): Promise<void> {
  await everywhere((node) => eventually(async () => {
    const reason = (await status(node)).lastSync?.reason;
    if (reason !== 'resync') throw new Error(`the controller of ${node} still has something to do: ${reason ?? 'its first sync'}`);
  }, 300_000), nodes);
}

/** How many times more CPU a program that does next to nothing takes in the lab's machine than on the host of that. */
async function slownessOfLab(seconds: number): Promise<number> {
  // By its text: a file that was built after the lab was up need not be seen there.
  const program = readFileSync(new URL('../wake.js', import.meta.url), 'utf8');
  const words = ['--input-type=module', '-', String(seconds)];
  const inLab = Number(await lab(['vm', '/opt/node/bin/node', ...words], program));
  const onHost = Number(execFileSync(process.execPath, words, { input: program, encoding: 'utf8' }));
  return inLab / onHost;
}

/** Samples are taken only when all that came has gone again: what is left then, stays. */
async function churn({ nodes, minutes, small, tell }: PartContext): Promise<Figure[]> {
  const [node = 'h1'] = nodes;
  const samples: Sample[] = [];
  const began = Date.now();
  const minute = (): number => (Date.now() - began) / 60_000;
  let services = 0;
  // The first round warms caches up.
  do {
    services += (await Promise.all((['routemesh', 'dockerd'] as const).map((side) => comeAndGo(nodes, side, small ? 1 : 2 * nodes.length)))).length;
    await pause(3000);
    samples.push({ minute: minute(), has: await belongingsOf(node) });
    tell(`rest: ${services} services came and went in ${minute().toFixed(1)} of ${minutes} minutes, ${told(samples.at(-1)?.has)}`);
  } while (minute() < minutes || samples.length < 2);
  const first = samples[0]?.has;
  const last = samples.at(-1)?.has;
  if (first === undefined || last === undefined) return [];
  const described = { group: `${services} services came and went on ${node}`, better: 'lower', at: {} } as const;
  const growth = (of: readonly Sample[], what: keyof typeof amounts): number => slope(of.map(({ minute: x, has }) => [x / 60, has[what]] as const));
  const laterHalf = samples.filter(({ minute: x }) => x >= minute() / 2);
  return [
    figure({ ...described, what: 'memory at the end', unit: 'MiB' }, summarise([last.residentMiB])),
    ...namesOf(amounts).flatMap((what) => [
      figure({ ...described, what: `${amounts[what]}, growth in an hour by all samples`, unit: 'MiB' }, summarise([growth(samples, what)])),
      figure({ ...described, what: `${amounts[what]}, growth in an hour by those of the later half`, unit: 'MiB' }, summarise([growth(laterHalf, what)])),
    ]),
    ...namesOf(counts).map((what) => figure({ ...described, what: `${counts[what]}, growth from first to last`, unit: 'count' }, summarise([last[what] - first[what]]))),
  ];
}

function namesOf<Name extends string>(words: Readonly<Record<Name, string>>): Name[] {
  return Object.keys(words) as Name[];
}

/** `97 MiB (41 not of files, 27 of JavaScript)` */
function told(has: Belongings | undefined): string {
  const whole = (what: keyof Belongings): string => has?.[what].toFixed(0) ?? '?';
  return `${whole('residentMiB')} MiB (${whole('anonymousMiB')} not of files, ${whole('heapMiB')} of JavaScript)`;
}

/** A service of one side comes, grows to so many tasks, shrinks, and goes; the two sides do so at once. */
async function comeAndGo(nodes: readonly string[], side: Side, most: number): Promise<string> {
  const name = `bench-churn-${side}`;
  await createService(side === 'dockerd' ? 'both' : side, { name, ports: [{ published: side === 'dockerd' ? 8180 : 8280, target: 80 }] });
  await runningTasks(side, name, 1);
  if (most > 1) {
    await scale(name, most);
    await runningTasks(side, name, most);
    await scale(name, 1);
    await runningTasks(side, name, 1);
  }
  await removeServices(nodes, [name]);
  return name;
}

async function belongingsOf(node: string): Promise<Belongings> {
  const { residentMiB, anonymousMiB, openFiles } = await factsOf(node);
  const heapMiB = await usedHeapMiB(node);
  const inside = ['mesh_sbox', 'mesh_fabric'].map((namespace) => `ip netns exec ${namespace}`);
  const everywhere = (command: string): string => `{ ${['', ...inside].map((enter) => `${enter} ${command}`).join('; ')}; }`;
  const output = await shell(
    node,
    `${everywhere('ip -o link')} | wc -l; ${everywhere('iptables-save')} | grep -c ^-A
     { ip netns exec mesh_fabric iptables -t raw -S | grep -e --zone || true; ip netns exec mesh_fabric ip rule; } | wc -l; ls /run/netns | wc -l`,
  );
  const [links = Number.NaN, rules = Number.NaN, zones = Number.NaN, namespaces = Number.NaN] = output.trim().split('\n').map(Number);
  return { residentMiB, anonymousMiB, heapMiB, openFiles, links, rules, zones, namespaces };
}
