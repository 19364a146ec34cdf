/** Churn: whether anything of a controller grows while services and tasks come and go as fast as Docker takes them. */
import { setTimeout as pause } from 'node:timers/promises';
import { shell } from '../../e2e/support/lab.js';
import { factsOf, usedHeapMiB } from '../controller.js';
import type { PartContext } from '../part.js';
import { figure, type Figure } from '../report.js';
import { slope, summarise } from '../statistics.js';
import { createService, removeServices, runningTasks, scale, type Side } from '../swarm.js';

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

/** Samples are taken only when all that came has gone again: what is left then, stays. */
export async function* churn({ nodes, minutes, small, tell }: PartContext): AsyncGenerator<readonly Figure[]> {
  const [node = 'h1'] = nodes;
  const samples: Sample[] = [];
  const began = Date.now();
  const minute = (): number => (Date.now() - began) / 60_000;
  let services = 0;
  // The first round warms caches up; the small form is over with the second.
  do {
    services += (await Promise.all((['routemesh', 'dockerd'] as const).map((side) => comeAndGo(nodes, side, small ? 1 : 2 * nodes.length)))).length;
    await pause(3000);
    const sample = { minute: minute(), has: await belongingsOf(node) };
    samples.push(sample);
    tell(`churn: ${services} services came and went in ${sample.minute.toFixed(1)} minutes${small ? '' : ` of ${minutes}`}, ${told(sample.has)}`);
  } while (samples.length < 2 || (!small && minute() < minutes));
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return;
  const described = { group: `${services} services came and went on ${node}`, better: 'lower', at: {} } as const;
  const growth = (of: readonly Sample[], what: keyof typeof amounts): number => slope(of.map(({ minute: x, has }) => [x / 60, has[what]] as const));
  const laterHalf = samples.filter(({ minute: x }) => x >= last.minute / 2);
  yield [
    figure({ ...described, what: 'memory at the end', unit: 'MiB' }, summarise([last.has.residentMiB])),
    ...namesOf(amounts).flatMap((what) => [
      figure({ ...described, what: `${amounts[what]}, growth in an hour by all samples`, unit: 'MiB' }, summarise([growth(samples, what)])),
      figure({ ...described, what: `${amounts[what]}, growth in an hour by those of the later half`, unit: 'MiB' }, summarise([growth(laterHalf, what)])),
    ]),
    ...namesOf(counts).map((what) => figure({ ...described, what: `${counts[what]}, growth from first to last`, unit: 'count' }, summarise([last.has[what] - first.has[what]]))),
  ];
}

function namesOf<Name extends string>(words: Readonly<Record<Name, string>>): Name[] {
  return Object.keys(words) as Name[];
}

/** `97 MiB (41 not of files, 27 of JavaScript)` */
function told({ residentMiB, anonymousMiB, heapMiB }: Belongings): string {
  return `${residentMiB.toFixed(0)} MiB (${anonymousMiB.toFixed(0)} not of files, ${heapMiB.toFixed(0)} of JavaScript)`;
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
