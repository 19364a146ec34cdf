/**
 * The data path: what clients get, with 1, 1,000 and 5,000 published ports, through the node of the task and through
 * another. The controllers are stopped meanwhile: it is the kernel that is measured, and dockerd's own stays as it is.
 *
 * In a turn the host's rules are those of one mesh: dockerd's packets would otherwise walk our chain first. The port that
 * is measured stands in the middle of the others on both sides; the others are one virtual service for each thousand
 * ports in dockerd's sandbox, as dockerd would make for services of a thousand ports, and one for each port in ours.
 *
 * Each round goes through all sizes, one way and then the other: an emulated machine is slower at one time than at
 * another by more than what 5,000 ports cost.
 */
import { addressOf, everywhere, startMeshes } from '../../e2e/support/cluster.js';
import { eventually, lab, on } from '../../e2e/support/lab.js';
import { dockerSandbox, status, stopMesh } from '../../e2e/support/mesh.js';
import { chunks, crowded, virtualServices, withoutJumpsTo } from '../crowd.js';
import { sizesUpTo, summaries, type PartContext } from '../part.js';
import { figure, type Figure } from '../report.js';
import { mean } from '../statistics.js';
import { createService, dockerdPublishes, label, removeServices, runningTasks, type Side } from '../swarm.js';
import { tidied } from '../tidied.js';
import { counted } from '../words.js';

const taskNode = 'h1';
const measured: Readonly<Record<Side, { readonly name: string; readonly port: number }>> = {
  routemesh: { name: 'bench-ours', port: 12_700 },
  dockerd: { name: 'bench-theirs', port: 12_800 },
};
const crowdBelow = 10_000;
const crowdAbove = 13_000;
const portsOfOneService = 1000;
const enabled = 'routemesh.enabled';
/** Beyond those that dockerd counts up from 256. */
const firstCrowdMark = 0x7000;
const bytes = 200_000;

interface Sample {
  readonly connections: number;
  readonly firstByte: { readonly p50: number; readonly p99: number };
  readonly megabytes: number;
  readonly datagrams: number;
}

type Samples = Readonly<Record<Side, Sample>>;

/** By size, then by way (0: through the task's own node), one for each round. */
type Rounds = ReadonlyMap<number, readonly (readonly Samples[])[]>;

/** Host rules for a turn of each side, by node. */
type HostRules = Readonly<Record<Side, RulesByNode>>;
type RulesByNode = Readonly<Record<string, string>>;

export async function* dataPath(context: PartContext): AsyncGenerator<readonly Figure[]> {
  const { ports } = context;
  // One node that tasks are on, and one that is only a way in.
  const nodes = context.nodes.slice(0, 2);
  const sizes = sizesUpTo(ports, [1, 1000, 5000]);
  // A controller on any other node would look at 5,000 ports meanwhile, on the same processors.
  await everywhere((node) => stopMesh(node), context.nodes);
  const crowd = await Crowd.come(nodes, sizes);
  yield await tidied(async () => figuresOf(await measureRounds(context, nodes, sizes, crowd)), () => crowd.leave());
}

async function measureRounds(context: PartContext, nodes: readonly string[], sizes: readonly number[], crowd: Crowd): Promise<Rounds> {
  const { rounds, tell } = context;
  const found = new Map(sizes.map((size) => [size, nodes.map((): Samples[] => [])]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const size of round % 2 === 1 ? sizes : [...sizes].reverse()) {
      const both = await thereAndBack(context, nodes, await crowd.grow(size), round % 2 === 1 ? 'dockerd' : 'routemesh');
      found.get(size)?.forEach((own, way) => {
        const samples = { routemesh: meanOf(both.routemesh, way), dockerd: meanOf(both.dockerd, way) };
        tell(`data-path: ${counted(size, 'port')}, ${waysIn[way] ?? ''}, round ${round} of ${rounds}: ${samples.routemesh.connections.toFixed(0)} connections/s, by dockerd ${samples.dockerd.connections.toFixed(0)}`);
        own.push(samples);
      });
    }
  }
  return found;
}

/**
 * One side, the other twice, and the one again: what the machine does slower and slower, or quicker and quicker, meets
 * both alike. For each side the samples of its turns, by way.
 */
async function thereAndBack({ small }: PartContext, nodes: readonly string[], rules: HostRules, first: Side): Promise<Record<Side, Sample[][]>> {
  const there: Side[] = first === 'dockerd' ? ['dockerd', 'routemesh'] : ['routemesh', 'dockerd'];
  const found: Record<Side, Sample[][]> = { routemesh: [], dockerd: [] };
  for (const side of small ? there : [...there, ...[...there].reverse()]) {
    await restore(rules[side]);
    const samples: Sample[] = [];
    for (const node of nodes) samples.push(await once(`${addressOf(node)}:${measured[side].port}`, small ? 1 : 2));
    found[side].push(samples);
  }
  return found;
}

function meanOf(turns: readonly (readonly Sample[])[], way: number): Sample {
  const samples = turns.flatMap((turn) => turn[way] ?? []);
  const of = (value: (sample: Sample) => number): number => mean(samples.map(value));
  return {
    connections: of(({ connections }) => connections),
    firstByte: { p50: of(({ firstByte }) => firstByte.p50), p99: of(({ firstByte }) => firstByte.p99) },
    megabytes: of(({ megabytes }) => megabytes),
    datagrams: of(({ datagrams }) => datagrams),
  };
}

const waysIn = ['through the task’s own node', 'through another node'];

function figuresOf(rounds: Rounds): Figure[] {
  const [fewest, most] = [Math.min(...rounds.keys()), Math.max(...rounds.keys())];
  return [
    ...[...rounds].flatMap(([ports, ways]) => ways.flatMap((samples, way) => figuresOfWay(samples, ports, way))),
    ...(fewest === most ? [] : waysIn.map((where, way) => keptFigure(rounds.get(fewest)?.[way] ?? [], rounds.get(most)?.[way] ?? [], fewest, most, where))),
  ];
}

function figuresOfWay(samples: readonly Samples[], ports: number, way: number): Figure[] {
  const group = `${counted(ports, 'port')}, ${waysIn[way] ?? ''}`;
  const described = { group, at: { ports, way } };
  const sides = { routemesh: samples.map(({ routemesh }) => routemesh), dockerd: samples.map(({ dockerd }) => dockerd) };
  return [
    figure({ ...described, what: 'new connections', unit: '/s', better: 'higher' }, ...summaries(sides, ({ connections }) => connections)),
    figure({ ...described, what: 'first byte, p50', unit: 'ms', better: 'lower' }, ...summaries(sides, ({ firstByte }) => firstByte.p50)),
    figure({ ...described, what: 'first byte, p99', unit: 'ms', better: 'lower' }, ...summaries(sides, ({ firstByte }) => firstByte.p99)),
    figure({ ...described, what: 'throughput on kept connections', unit: 'MB/s', better: 'higher' }, ...summaries(sides, ({ megabytes }) => megabytes)),
    figure({ ...described, what: 'datagrams asked and answered', unit: '/s', better: 'higher' }, ...summaries(sides, ({ datagrams }) => datagrams)),
  ];
}

/** Round by round, so that what the machine does in between meets both. */
function keptFigure(few: readonly Samples[], many: readonly Samples[], fewest: number, most: number, where: string): Figure {
  const kept = (side: Side): number[] => many.flatMap((sample, round) => {
    const before = few[round]?.[side].connections;
    return before === undefined ? [] : [(100 * sample[side].connections) / before];
  });
  return figure(
    { group: `Of what there is with ${counted(fewest, 'port')}, left with ${counted(most, 'port')}`, what: `new connections, ${where}`, unit: '%', better: 'higher' },
    ...summaries({ routemesh: kept('routemesh'), dockerd: kept('dockerd') }, (percent) => percent),
  );
}

interface LoadReport {
  readonly requests: { readonly ok: number; readonly failed: number };
  readonly latency_ms: { readonly p50: number; readonly p99: number };
}

async function once(target: string, seconds: number): Promise<Sample> {
  const load = async (path: string, ...flags: string[]): Promise<LoadReport> => {
    const report = JSON.parse(await on('client')('/run/lab/bin/load', '--url', `http://${target}${path}`, '--duration', String(seconds), ...flags)) as LoadReport;
    if (report.requests.ok === 0) throw new Error(`nothing answered at ${target}`);
    return report;
  };
  const many = await load('/who', '--parallel', '8');
  // One at a time: what waits for others behind it says nothing of the way.
  const single = await load('/who');
  const kept = await load(`/bytes?n=${bytes}`, '--parallel', '4', '--keep-alive');
  const datagrams = JSON.parse(await on('client')('/run/lab/bin/datagrams', '--to', target, '--duration', String(seconds))) as { readonly answered: number; readonly seconds: number };
  return {
    connections: many.requests.ok / seconds,
    firstByte: single.latency_ms,
    megabytes: (kept.requests.ok * bytes) / 1e6 / seconds,
    datagrams: datagrams.answered / datagrams.seconds,
  };
}

interface CrowdService {
  readonly name: string;
  readonly ports: readonly number[];
}

function namesOf(services: readonly CrowdService[]): string[] {
  return [measured.routemesh.name, measured.dockerd.name, ...services.map(({ name }) => name)];
}

/**
 * The measured ports, and others beside them that come and go: by a label on our side, which no task notices, and by rules
 * of the same shape on dockerd's.
 */
class Crowd {
  private grown = 0;
  private marks: readonly number[] = [];

  private constructor(
    private readonly nodes: readonly string[],
    /** The first has one port less than the others: with the measured one they are whole thousands. */
    private readonly services: readonly CrowdService[],
    private readonly hosts: RulesByNode,
    private readonly sandboxes: RulesByNode,
  ) {}

  static async come(nodes: readonly string[], sizes: readonly number[]): Promise<Crowd> {
    const ports = crowdOf(Math.max(...sizes) - 1);
    const services = [ports.slice(0, portsOfOneService - 1), ...chunks(ports.slice(portsOfOneService - 1), portsOfOneService)]
      .filter((own) => own.length > 0)
      .map((own, index) => ({ name: `bench-crowd-${index + 1}`, ports: own }));
    try {
      await Crowd.start(nodes, services);
    } catch (error) {
      await removeServices(nodes, namesOf(services));
      throw error;
    }
    return new Crowd(nodes, services, await savedRules(nodes), await savedRules(nodes, inDockerSandbox));
  }

  private static async start(nodes: readonly string[], services: readonly CrowdService[]): Promise<void> {
    for (const side of ['routemesh', 'dockerd'] as const) {
      const { name, port } = measured[side];
      await createService(side, { name, node: taskNode, ports: (['tcp', 'udp'] as const).map((protocol) => ({ published: port, target: 80, protocol })) });
      await runningTasks(side, name, 1);
    }
    for (const { name, ports: own } of services) {
      await createService('routemesh', { name, node: taskNode, ports: own.map((published) => ({ published, target: published })), labels: { [enabled]: 'false' } });
      await runningTasks('routemesh', name, 1);
    }
    await startMeshes(nodes);
    await programmed(nodes, 2);
    await dockerdPublishes(nodes, 2);
    await everywhere((node) => stopMesh(node), nodes);
  }

  /** Until there are so many ports in all; gives the host's rules for the turns. */
  async grow(size: number): Promise<HostRules> {
    const { nodes, hosts } = this;
    const wanted = Math.floor(size / portsOfOneService);
    for (const [index, { name }] of this.services.entries()) {
      if (index < wanted !== index < this.grown) await label(name, enabled, String(index < wanted));
    }
    this.grown = wanted;
    await restore(hosts);
    await startMeshes(nodes);
    // The measured port is one of tcp and one of udp.
    await programmed(nodes, size + 1);
    await everywhere((node) => stopMesh(node), nodes);
    const routemesh = await savedRules(nodes);
    const ports = this.services.slice(0, wanted).flatMap(({ ports: own }) => own);
    await this.crowdSandboxes(ports);
    const dockerd = Object.fromEntries(Object.entries(hosts).map(([node, rules]) => [node, withoutJumpsTo('MESH-INGRESS', crowded(rules, measured.dockerd.port, ports))]));
    return { routemesh, dockerd };
  }

  async leave(): Promise<void> {
    await restore(this.hosts);
    await this.crowdSandboxes([]);
    await removeServices(this.nodes, namesOf(this.services));
    await dockerdPublishes(this.nodes, 0);
  }

  /** dockerd's. */
  private async crowdSandboxes(ports: readonly number[]): Promise<void> {
    for (const mark of this.marks) await everywhere((node) => on(node)(...inDockerSandbox, 'ipvsadm', '-D', '-f', String(mark)), this.nodes);
    this.marks = [...new Set(ports.map(markOf))];
    await restore(Object.fromEntries(Object.entries(this.sandboxes).map(([node, rules]) => [node, crowded(rules, measured.dockerd.port, ports, markOf)])), inDockerSandbox);
    if (this.marks.length === 0) return;
    const [task] = await runningTasks('dockerd', measured.dockerd.name, 1);
    await everywhere((node) => lab(['exec', node, ...inDockerSandbox, 'ipvsadm', '-R'], virtualServices(this.marks, task?.address ?? '')), this.nodes);
  }
}

function crowdOf(count: number): number[] {
  const below = Math.ceil(count / 2);
  return [...Array.from({ length: below }, (_, index) => crowdBelow + index), ...Array.from({ length: count - below }, (_, index) => crowdAbove + index)];
}

/** All of the ports with their task, on all nodes. */
async function programmed(nodes: readonly string[], count: number): Promise<void> {
  await everywhere(async (node) => {
    await eventually(async () => {
      const { ports } = await status(node);
      const served = ports.filter(({ backends }) => backends.some(({ weight }) => weight > 0)).length;
      if (served !== count) throw new Error(`${node} serves ${served} ports, expected ${count}`);
    }, 600_000);
  }, nodes);
}

async function savedRules(nodes: readonly string[], inNamespace: readonly string[] = []): Promise<RulesByNode> {
  return Object.fromEntries(await everywhere(async (node) => [node, await on(node)(...inNamespace, 'iptables-save')] as const, nodes));
}

async function restore(rules: RulesByNode, inNamespace: readonly string[] = []): Promise<void> {
  await everywhere((node) => lab(['exec', node, ...inNamespace, 'iptables-restore'], rules[node]), Object.keys(rules));
}

const inDockerSandbox = ['nsenter', `--net=${dockerSandbox}`];

function markOf(port: number): number {
  return firstCrowdMark + Math.floor(port / portsOfOneService);
}
