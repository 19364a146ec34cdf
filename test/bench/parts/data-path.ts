/**
 * The data path: what clients get, with 1, 1,000 and 5,000 published ports, through the node of the task and through
 * another. The controllers are stopped meanwhile: it is the kernel that is measured, and dockerd's own stays as it is.
 *
 * In a turn the host's rules are those of one mesh: dockerd's packets would otherwise walk our chain first. The port that
 * is measured stands in the middle of the others on both sides; the others are one virtual service for each thousand
 * ports in dockerd's sandbox, as dockerd would make for services of a thousand ports, and one for each port in ours.
 */
import { addressOf, everywhere, startMeshes } from '../../e2e/support/cluster.js';
import { eventually, lab, on } from '../../e2e/support/lab.js';
import { dockerSandbox, status, stopMesh } from '../../e2e/support/mesh.js';
import { chunks, crowded, virtualServices, withoutJumpsTo } from '../crowd.js';
import { summaries, type PartContext } from '../part.js';
import { figure, type Figure } from '../report.js';
import { createService, dockerdPublishes, removeServices, runningTasks, type Side } from '../swarm.js';
import { alternate, type Sides } from '../turns.js';

const taskNode = 'h1';
const measured: Readonly<Record<Side, { readonly name: string; readonly port: number }>> = {
  routemesh: { name: 'bench-ours', port: 12_700 },
  dockerd: { name: 'bench-theirs', port: 12_800 },
};
const crowdBelow = 10_000;
const crowdAbove = 13_000;
const portsOfOneService = 1000;
/** Beyond those that dockerd counts up from 256. */
const firstCrowdMark = 0x7000;
const bytes = 200_000;

interface Sample {
  readonly connections: number;
  readonly firstByte: { readonly p50: number; readonly p99: number };
  readonly megabytes: number;
  readonly datagrams: number;
}

/** Host rules for a turn of each side, by node. */
type HostRules = Readonly<Record<Side, Readonly<Record<string, string>>>>;

export async function* dataPath(context: PartContext): AsyncGenerator<readonly Figure[]> {
  const { small } = context;
  // One node that tasks are on, and one that is only a way in.
  const nodes = context.nodes.slice(0, 2);
  for (const ports of small ? [1] : [1, 1000, 5000]) yield await withPorts(context, nodes, ports);
}

async function withPorts({ rounds, small, tell }: PartContext, nodes: readonly string[], ports: number): Promise<Figure[]> {
  const crowd = crowdOf(ports - 1);
  const services = chunks(crowd, portsOfOneService).map((own, index) => ({ name: `bench-crowd-${index + 1}`, own }));
  const names = [measured.routemesh.name, measured.dockerd.name, ...services.map(({ name }) => name)];
  let before: Readonly<Record<string, string>> = {};
  let sandboxes: Readonly<Record<string, string>> = {};
  try {
    for (const side of ['routemesh', 'dockerd'] as const) {
      const { name, port } = measured[side];
      await createService(side, { name, node: taskNode, ports: (['tcp', 'udp'] as const).map((protocol) => ({ published: port, target: 80, protocol })) });
      await runningTasks(side, name, 1);
    }
    for (const { name, own } of services) await createService('routemesh', { name, node: taskNode, ports: own.map((published) => ({ published, target: published })) });
    for (const { name } of services) await runningTasks('routemesh', name, 1);
    await startMeshes(nodes);
    await programmed(nodes, ports + 1);
    await dockerdPublishes(nodes, 2);
    await everywhere((node) => stopMesh(node), nodes);

    before = await savedRules(nodes);
    sandboxes = await savedRules(nodes, inDockerSandbox);
    await crowdSandboxes(sandboxes, crowd);
    const rules = { routemesh: before, dockerd: withCrowd(before, crowd) };
    tell(`data-path: ${ports} ports are programmed on both sides`);
    return await measureWays(nodes, rules, { ports, rounds, seconds: small ? 1 : 3, tell });
  } finally {
    await restore(before);
    await restore(sandboxes, inDockerSandbox);
    for (const mark of marksOf(crowd)) await everywhere((node) => on(node)(...inDockerSandbox, 'ipvsadm', '-D', '-f', String(mark)), Object.keys(sandboxes));
    await removeServices(nodes, names);
    await dockerdPublishes(nodes, 0);
  }
}

async function measureWays(
  nodes: readonly string[],
  rules: HostRules,
  { ports, rounds, seconds, tell }: { readonly ports: number; readonly rounds: number; readonly seconds: number; readonly tell: PartContext['tell'] },
): Promise<Figure[]> {
  const rounded = await alternate(rounds, async (side, round) => {
    await restore(rules[side]);
    const samples: Record<string, Sample> = {};
    for (const node of nodes) samples[node] = await once(`${addressOf(node)}:${measured[side].port}`, seconds);
    tell(`data-path: ${ports} ports by ${side}, round ${round} of ${rounds}: ${Object.values(samples).map(({ connections }) => `${connections.toFixed(0)} connections/s`).join(', ')}`);
    return samples;
  });
  return nodes.flatMap((node, way) => {
    const through = (side: Side): Sample[] => rounded[side].map((samples) => samples[node]).filter((sample) => sample !== undefined);
    return figuresOf({ routemesh: through('routemesh'), dockerd: through('dockerd') }, ports, way);
  });
}

function figuresOf(samples: Sides<Sample>, ports: number, way: number): Figure[] {
  const group = `${ports.toLocaleString('en')} ${ports === 1 ? 'port' : 'ports'}, through ${way === 0 ? 'the task’s own node' : 'another node'}`;
  const described = { group, at: { ports, way } };
  return [
    figure({ ...described, what: 'new connections', unit: '/s', better: 'higher' }, ...summaries(samples, ({ connections }) => connections)),
    figure({ ...described, what: 'first byte, p50', unit: 'ms', better: 'lower' }, ...summaries(samples, ({ firstByte }) => firstByte.p50)),
    figure({ ...described, what: 'first byte, p99', unit: 'ms', better: 'lower' }, ...summaries(samples, ({ firstByte }) => firstByte.p99)),
    figure({ ...described, what: 'throughput on kept connections', unit: 'MB/s', better: 'higher' }, ...summaries(samples, ({ megabytes }) => megabytes)),
    figure({ ...described, what: 'datagrams asked and answered', unit: '/s', better: 'higher' }, ...summaries(samples, ({ datagrams }) => datagrams)),
  ];
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

async function savedRules(nodes: readonly string[], inNamespace: readonly string[] = []): Promise<Record<string, string>> {
  return Object.fromEntries(await everywhere(async (node) => [node, await on(node)(...inNamespace, 'iptables-save')] as const, nodes));
}

async function restore(rules: Readonly<Record<string, string>>, inNamespace: readonly string[] = []): Promise<void> {
  await everywhere((node) => lab(['exec', node, ...inNamespace, 'iptables-restore'], rules[node]), Object.keys(rules));
}

const inDockerSandbox = ['nsenter', `--net=${dockerSandbox}`];

function markOf(port: number): number {
  return firstCrowdMark + Math.floor(port / portsOfOneService);
}

function marksOf(crowd: readonly number[]): number[] {
  return [...new Set(crowd.map(markOf))];
}

async function crowdSandboxes(saved: Readonly<Record<string, string>>, crowd: readonly number[]): Promise<void> {
  const [task] = await runningTasks('dockerd', measured.dockerd.name, 1);
  await restore(Object.fromEntries(Object.entries(saved).map(([node, rules]) => [node, crowded(rules, measured.dockerd.port, crowd, markOf)])), inDockerSandbox);
  await everywhere((node) => lab(['exec', node, ...inDockerSandbox, 'ipvsadm', '-R'], virtualServices(marksOf(crowd), task?.address ?? '')), Object.keys(saved));
}

/** The host's rules for dockerd's turn. */
function withCrowd(saved: Readonly<Record<string, string>>, crowd: readonly number[]): Record<string, string> {
  return Object.fromEntries(Object.entries(saved).map(([node, rules]) => [node, withoutJumpsTo('MESH-INGRESS', crowded(rules, measured.dockerd.port, crowd))]));
}
