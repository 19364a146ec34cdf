/**
 * What is drawn of a snapshot, and how closely: every task by itself while they are few, a strip for each node when they
 * are many. Pure.
 */
import { sum } from './model.js';
import type { Figures, MeshNode, MeshPort, MeshServer, MeshSnapshot, ServerState } from './wire.js';

export interface TaskRow {
  /** `task:<task id>` */
  readonly id: string;
  readonly taskId: string;
  readonly name: string;
  readonly address: string;
  /** One for each published port that the task serves. */
  readonly servers: readonly MeshServer[];
  readonly state: ServerState;
  readonly figures: Figures;
}

export interface NodeGroup {
  /** `node:<node id>` */
  readonly id: string;
  readonly node: MeshNode;
  readonly tasks: readonly TaskRow[];
  readonly figures: Figures;
}

export interface SceneLink {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Real servers whose connections take it. */
  readonly servers: readonly MeshServer[];
  /** Of the best of them. `unseen`: a peer's own traffic, of which this node knows nothing. */
  readonly state: ServerState | 'unseen';
}

export interface Scene {
  readonly detail: 'tasks' | 'nodes';
  /** Nodes that clients may connect to, one by one; the rest is folded into one. */
  readonly entries: readonly MeshNode[];
  readonly folded: readonly MeshNode[];
  readonly ports: readonly MeshPort[];
  readonly groups: readonly NodeGroup[];
  readonly links: readonly SceneLink[];
}

const mostTasks = 64;
const mostGroups = 16;

export const clientsId = 'clients';
export const sandboxId = 'sandbox';
export const foldedId = 'folded';
export const entryId = (node: Pick<MeshNode, 'id'>): string => `entry:${node.id}`;
export const portBoxId = (port: Pick<MeshPort, 'id'>): string => `port:${port.id}`;

/** `mostEntries`: so many nodes are shown one by one, where clients may connect. */
export function sceneOf(snapshot: MeshSnapshot, mostEntries = 6): Scene {
  const groups = groupsOf(snapshot);
  const tasks = groups.reduce((total, group) => total + group.tasks.length, 0);
  const detail = tasks <= mostTasks && groups.length <= mostGroups ? 'tasks' : 'nodes';
  const entries = snapshot.nodes.length <= mostEntries ? snapshot.nodes : snapshot.nodes.slice(0, 1);
  const folded = snapshot.nodes.slice(entries.length);
  return { detail, entries, folded, ports: snapshot.ports, groups, links: linksOf(snapshot, { detail, entries, folded, groups }) };
}

/** In the order of the snapshot's nodes; tasks by name. */
function groupsOf({ nodes, ports }: MeshSnapshot): NodeGroup[] {
  const byNode = new Map<string, Map<string, MeshServer[]>>();
  for (const server of ports.flatMap(({ servers }) => servers)) {
    const tasks = byNode.get(server.nodeId) ?? new Map<string, MeshServer[]>();
    byNode.set(server.nodeId, tasks);
    tasks.set(server.taskId, [...(tasks.get(server.taskId) ?? []), server]);
  }
  const known = new Set(nodes.map(({ id }) => id));
  const strangers = [...byNode.keys()].filter((id) => !known.has(id)).map((id): MeshNode => ({ id, name: id, address: '', state: 'unknown', roundTripMilliseconds: null }));
  return [...nodes, ...strangers].flatMap((node) => {
    const tasks = byNode.get(node.id);
    if (tasks === undefined) return [];
    const rows = [...tasks].map(([taskId, servers]) => rowOf(taskId, servers)).sort((one, other) => collator.compare(one.name, other.name) || collator.compare(one.address, other.address));
    return [{ id: `node:${node.id}`, node, tasks: rows, figures: sum(rows.map(({ figures }) => figures)) }];
  });
}

const collator = new Intl.Collator('en', { numeric: true });

function rowOf(taskId: string, servers: readonly MeshServer[]): TaskRow {
  const [first] = servers;
  return { id: `task:${taskId}`, taskId, name: first?.task ?? taskId, address: first?.address ?? '', servers, state: best(servers), figures: sum(servers.map(({ figures }) => figures)) };
}

const order: readonly ServerState[] = ['serving', 'draining', 'unreachable', 'gone'];

export function best(servers: readonly MeshServer[]): ServerState {
  return order.find((state) => servers.some((server) => server.state === state)) ?? 'gone';
}

/**
 * Task by task, each link leads from its port. Node by node the sandbox stands for its ports, or hundreds of links would
 * be one dark knot; those of what a person points at are drawn beside (`linksOfChosen`).
 */
function linksOf({ nodes, ports }: MeshSnapshot, { detail, entries, folded, groups }: Pick<Scene, 'detail' | 'entries' | 'folded' | 'groups'>): SceneLink[] {
  const here = nodes.find(({ state }) => state === 'here');
  const all = ports.flatMap(({ servers }) => servers);
  const toEntries = entries.map((node) => linkOf(clientsId, entryId(node), node === here ? all : [], node === here ? undefined : 'unseen'));
  const toFolded = folded.length === 0 ? [] : [linkOf(clientsId, foldedId, [], 'unseen')];
  if (detail === 'nodes') {
    const toSandbox = here === undefined || ports.length === 0 ? [] : [linkOf(entryId(here), sandboxId, all)];
    return [...toEntries, ...toFolded, ...toSandbox, ...groups.map(({ id, tasks }) => linkOf(sandboxId, id, tasks.flatMap(({ servers }) => servers)))];
  }
  const toPorts = here === undefined ? [] : ports.map((port) => linkOf(entryId(here), portBoxId(port), port.servers));
  const toTasks = ports.flatMap((port) => port.servers.map((server) => linkOf(portBoxId(port), `task:${server.taskId}`, [server])));
  return [...toEntries, ...toFolded, ...toPorts, ...toTasks];
}

/** Beside the scene's own, where it is drawn node by node: from a chosen port to its nodes, or to a chosen node from its ports. */
export function linksOfChosen({ detail, ports }: Scene, chosen: string): SceneLink[] {
  if (detail === 'tasks') return [];
  return ports.flatMap((port) => {
    const nodes = new Map<string, MeshServer[]>();
    for (const server of port.servers) nodes.set(server.nodeId, [...(nodes.get(server.nodeId) ?? []), server]);
    const links = [...nodes].map(([nodeId, servers]) => linkOf(portBoxId(port), `node:${nodeId}`, servers));
    return links.filter(({ from, to }) => from === chosen || to === chosen);
  });
}

function linkOf(from: string, to: string, servers: readonly MeshServer[], state?: SceneLink['state']): SceneLink {
  return { id: `${from} ${to}`, from, to, servers, state: state ?? (servers.length === 0 ? 'serving' : best(servers)) };
}
