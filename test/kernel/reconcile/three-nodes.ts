/** Three hosts on one wire, in throw-away namespaces, each with an engine of its own: what peers are to each other. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';

import { initialise, NetworkNamespace } from '../../../native/index.js';
import type { ClusterNode, ClusterState } from '../../../src/cluster/state.js';
import type { Change } from '../../../src/kernel/change.js';
import { Engine } from '../../../src/kernel/engine.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { plan } from '../../../src/plan/plan.js';
import { defaultSettings, type Settings } from '../../../src/settings.js';
import { cluster, contextFor, port, service, task } from '../../unit/plan/fixtures.js';
import { furnish, hasIpvs, ip, sh, withoutIpvs } from './bed.js';

export const wire = 'rmtest_wire';
/** A machine on the wire that is no node. */
export const strangerAddress = '192.168.56.60';
/** An address that every sandbox is given, to speak to tasks as one and the same client. */
export const clientAddress = '203.0.113.9';
const numbers = [1, 2, 3] as const;

const clusterNode = (number: number): ClusterNode => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true });

/** web: 8080 → 80, one task on h1 (10.0.0.5) and one on h2 (10.0.0.6). */
export const threeNodes: ClusterState = cluster({
  nodes: numbers.map(clusterNode),
  services: [service('web', [port(8080, 80)])],
  tasks: [task('web', 1), task('web', 2, { nodeId: 'node2' })],
});

/** The same after h3 has left. */
export const twoNodes: ClusterState = { ...threeNodes, nodes: threeNodes.nodes.slice(0, 2) };

export class Node {
  readonly host: string;
  readonly sandbox: string;
  readonly fabric: string;
  readonly task: string;
  readonly address: string;
  readonly settings: Settings;
  private namespace: NetworkNamespace | undefined;
  private opened: Engine | undefined;

  constructor(readonly number: number) {
    this.host = `rmtest_h${number}`;
    this.sandbox = `rmtest_s${number}`;
    this.fabric = `rmtest_f${number}`;
    this.task = `rmtest_t${number}`;
    this.address = clusterNode(number).address;
    const names = { ...defaultSettings.names, sandbox: this.sandbox, fabric: this.fabric };
    this.settings = { ...defaultSettings, names, stateFolder: mkdtempSync(join(tmpdir(), 'routemesh-')) };
  }

  async open(): Promise<void> {
    ip('netns', 'add', this.host);
    ip('-n', this.host, 'link', 'set', 'lo', 'up');
    ip('-n', wire, 'link', 'add', `port${this.number}`, 'master', 'switch0', 'type', 'veth', 'peer', 'name', 'ens1', 'netns', this.host);
    ip('-n', wire, 'link', 'set', `port${this.number}`, 'up');
    ip('-n', this.host, 'address', 'add', `${this.address}/24`, 'dev', 'ens1');
    ip('-n', this.host, 'link', 'set', 'ens1', 'up');
    ip('netns', 'add', this.task);
    furnish(this.task, 'eth0', `10.0.0.${this.number + 4}/24`);
    this.namespace = NetworkNamespace.named(this.host);
    await this.restart();
  }

  /** A new controller's engine. */
  async restart(): Promise<void> {
    this.opened?.close();
    this.opened = await Engine.open(this.options);
  }

  get options() {
    if (this.namespace === undefined) throw new Error(`${this.host} is not open`);
    return { settings: this.settings, host: this.namespace };
  }

  get engine(): Engine {
    if (this.opened === undefined) throw new Error(`${this.host} is not open`);
    return this.opened;
  }

  plan(state: ClusterState = threeNodes): NodePlan {
    const own = state.tasks.filter(({ nodeId }) => nodeId === `node${this.number}`);
    const localTasks = new Map(own.map(({ id }) => [id, { path: `/run/netns/${this.task}`, device: 'eth0' }]));
    const whole = plan(state, contextFor(state, { nodeId: `node${this.number}`, settings: this.settings, kernelRelease: release(), localTasks }));
    return hasIpvs ? whole : withoutIpvs(whole);
  }

  /** Applies all that differs; throws when anything is refused. */
  async sync(state: ClusterState = threeNodes): Promise<readonly Change[]> {
    const next = this.plan(state);
    const changes = await this.engine.difference(next);
    const { failed } = await this.engine.apply(next, changes);
    if (failed.length > 0) throw new Error(failed.map(({ change, error }) => `${change.place} ${change.summary}: ${error.message}`).join('\n'));
    return changes;
  }

  /** A second look at what `sync` has left. */
  async difference(state: ClusterState = threeNodes): Promise<readonly Change[]> {
    return await this.engine.difference(this.plan(state));
  }

  close(): void {
    this.opened?.close();
    this.namespace?.close();
    rmSync(this.settings.stateFolder, { recursive: true, force: true });
  }
}

export async function threeOnOneWire(): Promise<[Node, Node, Node]> {
  await initialise();
  discard();
  ip('netns', 'add', wire);
  furnish(wire, 'switch0', `${strangerAddress}/24`);
  const nodes: [Node, Node, Node] = [new Node(1), new Node(2), new Node(3)];
  for (const node of nodes) await node.open();
  return nodes;
}

export function takeAway(nodes: readonly Node[]): void {
  for (const node of nodes) node.close();
  discard();
}

function discard(): void {
  const names = [wire, ...numbers.flatMap((number) => ['h', 's', 'f', 't'].map((kind) => `rmtest_${kind}${number}`))];
  const there = new Set(ip('netns', 'list').split('\n').map((line) => line.split(' ', 1)[0]));
  for (const name of names) if (there.has(name)) ip('netns', 'delete', name);
}

/** A program that lives in a namespace and answers in lines. */
export class Program {
  private readonly child: ChildProcess;
  private readonly lines: AsyncIterableIterator<string>;
  private readonly reader: Interface;

  constructor(namespace: string, script: string, ...words: string[]) {
    this.child = spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, '-e', script, ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (this.child.stdout === null) throw new Error('a program without output');
    this.reader = createInterface({ input: this.child.stdout });
    this.lines = this.reader[Symbol.asyncIterator]();
  }

  /** Its next line; `end` when it has said its last. */
  async says(): Promise<string> {
    const next = await this.lines.next();
    return next.done === true ? 'end' : next.value;
  }

  tell(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  end(): void {
    this.reader.close();
    this.child.kill('SIGKILL');
  }
}

/** Tells each client as whom it sees it, then sends back what it gets; on a published port and on one that is not. */
const server = `
const net = require('net');
const serve = (port) => net.createServer((socket) => {
  socket.on('error', () => {});
  socket.write(socket.remoteAddress.replace('::ffff:', '') + ' ' + socket.remotePort + '\\n');
  socket.pipe(socket);
}).listen(port, '0.0.0.0', () => console.log('listens on ' + port));
serve(80); serve(81);`;

/** Connects from the client's address, prints what it is sent, and sends what it is told. */
const client = `
const net = require('net');
const [host, port, localPort, localAddress] = process.argv.slice(1);
const socket = net.connect({ host, port: Number(port), localPort: Number(localPort), localAddress });
socket.on('error', (error) => { console.log(error.code); process.exit(); });
socket.pipe(process.stdout);
process.stdin.pipe(socket);`;

/** Resolves once it listens. */
export async function serveIn(namespace: string): Promise<Program> {
  const program = new Program(namespace, server);
  await program.says();
  await program.says();
  return program;
}

export function connectFrom(namespace: string, host: string, { port: number = 80, localPort = 0, localAddress = clientAddress } = {}): Program {
  return new Program(namespace, client, host, String(number), String(localPort), localAddress);
}

/** Packets that a chain's policy, or its rule with these words, has counted. */
export function counted(namespace: string, table: string, chain: string, rule?: string): number {
  const saved = sh(namespace, 'iptables-save', '-c', '-t', table);
  const found = rule === undefined ? new RegExp(`^:${chain} \\w+ \\[(\\d+):`, 'm').exec(saved) : new RegExp(`^\\[(\\d+):\\d+\\] -A ${chain} ${rule}$`, 'm').exec(saved);
  if (found?.[1] === undefined) throw new Error(`no counter of ${table} ${chain} ${rule ?? 'policy'} in ${namespace}`);
  return Number(found[1]);
}
