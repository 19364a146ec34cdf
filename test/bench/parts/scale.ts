/**
 * Scale, without Docker: one node of a cluster that a file describes, with 10, 1,000 and 10,000 ports of 5 endpoints each
 * and 3 and 100 nodes. The other nodes are names and addresses: only this one is measured.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { attempt, eventually, lab, shell } from '../../e2e/support/lab.js';
import { removeMesh, startMesh, status, stopMesh } from '../../e2e/support/mesh.js';
import { clusterFile, endpointsOfAService, type ClusterSize } from '../cluster-file.js';
import { factsOf, logLength, programmedAfter } from '../controller.js';
import { restoreFloor, saveFloor, type Floor } from '../floor.js';
import { fromEpochRealtime } from '../machine.js';
import { referenceOf, sizesUpTo, type PartContext } from '../part.js';
import { cpuBetween, type Cpu } from '../processes.js';
import { figure, type Figure } from '../report.js';
import { summarise } from '../statistics.js';
import { tidied } from '../tidied.js';

const self = { name: 'bare', address: '192.168.56.41' };
const file = '/etc/routemesh/bench.yaml';
/** Between two full looks at the kernel, where they are not what is measured. */
const rarely = ['--resync', '1h'];
const restSeconds = 30;

interface Step {
  readonly seconds: number;
  readonly cpu: Cpu & { readonly total: number };
  readonly childrenStarted: boolean;
}

interface Sample {
  readonly firstSync: Step;
  readonly change: Step;
  readonly savedAgain: Step;
  /** Of one core, in the first half minute after a start. */
  readonly restPercent: number;
  readonly mostResidentMiB: number;
  readonly floor: Floor;
}

export async function* scale({ small, rounds, ports: mostPorts, tell }: PartContext): AsyncGenerator<readonly Figure[]> {
  const sizes = (small ? [3] : [3, 100]).flatMap((nodes) => sizesUpTo(mostPorts, [10, 1000, 10_000]).map((ports) => ({ ports, nodes })));
  await makeHost();
  for (const size of sizes) {
    const samples: Sample[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const sample = await once(size, small ? 5 : restSeconds);
      tell(`scale: ${size.ports} ports, ${size.nodes} nodes, round ${round} of ${rounds}: first sync ${sample.firstSync.seconds.toFixed(2)} s, floor ${sample.floor.seconds.toFixed(2)} s`);
      samples.push(sample);
    }
    yield figuresOf(size, samples);
  }
}

/** A host of the lab of its own, without dockerd, whatever else is up. */
async function makeHost(): Promise<void> {
  if ((await attempt(['vm', 'test', '-s', `/run/lab/${self.name}/pid`])).code !== 0) await lab(['vm', '/run/lab/bin/machine', self.name, self.address]);
}

async function once(size: ClusterSize, secondsAtRest: number): Promise<Sample> {
  await save(clusterFile(self, { ...size, ports: 0 }, 1));
  await startMesh(self.name, '--cluster-file', file, ...rarely);
  return await tidied(async () => {
    const firstSync = await step(clusterFile(self, size, 1));
    const { mostResidentMiB } = await factsOf(self.name);
    const { realServers } = await saveFloor(self.name);
    const expected = size.ports * endpointsOfAService;
    if (realServers !== expected) throw new Error(`the first sync left ${realServers} real servers, expected ${expected}`);
    await lookedAtAgain();
    const change = await step(clusterFile(self, size, 2));
    const savedAgain = await step(clusterFile(self, size, 2), false);
    await stopMesh(self.name);
    const floor = await restoreFloor(self.name);

    await startMesh(self.name, '--cluster-file', file);
    await pause(3000);
    const before = await factsOf(self.name);
    await pause(secondsAtRest * 1000);
    const restPercent = (100 * cpuBetween(before, await factsOf(self.name)).total) / secondsAtRest;
    return { firstSync, change, savedAgain, restPercent, mostResidentMiB, floor };
  }, async () => {
    await removeMesh(self.name);
    await shell(self.name, `rm -rf ${file} /tmp/floor /var/lib/routemesh`);
  });
}

/** Its own changes make it look at the kernel once more, and a change that comes in that while waits for the table that is being read. */
async function lookedAtAgain(): Promise<void> {
  await eventually(async () => {
    // Not more often: of ten thousand ports the answer is megabytes.
    await pause(2000);
    const { lastSync } = await status(self.name);
    if (lastSync === null || lastSync.changes > 0) throw new Error(`routemesh on ${self.name} has not looked at the kernel again`);
  }, 300_000);
}

/** Saves the file, waits for what comes of it, and says what that cost. */
async function step(text: string, somethingChanges = true): Promise<Step> {
  const lines = await logLength(self.name);
  const before = await factsOf(self.name);
  const savedAt = await save(text);
  const programmedAt = somethingChanges ? await programmedAfter(self.name, lines) : savedAt;
  // What it does afterwards belongs to it.
  await pause(3000);
  const after = await factsOf(self.name);
  return { seconds: (programmedAt - savedAt) / 1e6, cpu: cpuBetween(before, after), childrenStarted: after.childrenFaults > before.childrenFaults };
}

/** As editors do it: beside it, then renamed. Gives when, in microseconds since 1970. */
async function save(text: string): Promise<number> {
  const script = `mkdir -p $(dirname ${file}); cat >${file}.new; echo $EPOCHREALTIME; mv ${file}.new ${file}`;
  return fromEpochRealtime(await lab(['exec', self.name, 'bash', '--norc', '-euc', script], text));
}

function figuresOf({ ports, nodes }: ClusterSize, samples: readonly Sample[]): Figure[] {
  const described = { group: `${ports.toLocaleString('en')} ports, ${nodes} nodes`, better: 'lower', at: { ports, nodes } } as const;
  const of = (value: (sample: Sample) => number) => summarise(samples.map(value));
  const floor = (value: (floor: Floor) => number) => referenceOf('floor', summarise(samples.map((sample) => value(sample.floor))));
  return [
    figure({ ...described, what: 'first sync', unit: 's' }, of(({ firstSync }) => firstSync.seconds), floor(({ seconds }) => seconds)),
    figure({ ...described, what: '… CPU, with the programs that it starts', unit: 's' }, of(({ firstSync }) => firstSync.cpu.total), floor(({ cpu }) => cpu)),
    figure({ ...described, what: '… of it the controller, user', unit: 's' }, of(({ firstSync }) => firstSync.cpu.user)),
    figure({ ...described, what: '… of it the controller, system', unit: 's' }, of(({ firstSync }) => firstSync.cpu.system)),
    figure({ ...described, what: 'one endpoint changed', unit: 's' }, of(({ change }) => change.seconds)),
    figure({ ...described, what: '… CPU', unit: 's' }, of(({ change }) => change.cpu.total)),
    figure({ ...described, what: '… times that it started a program', unit: 'count' }, of(({ change }) => Number(change.childrenStarted))),
    figure({ ...described, what: 'the file saved as it was, CPU', unit: 's' }, of(({ savedAgain }) => savedAgain.cpu.total)),
    figure({ ...described, what: 'at rest, CPU of one core', unit: '%' }, of(({ restPercent }) => restPercent)),
    figure({ ...described, what: 'peak memory', unit: 'MiB' }, of(({ mostResidentMiB }) => mostResidentMiB)),
  ];
}
