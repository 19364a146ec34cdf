/** Finds what we left in the namespaces of tasks, without knowing any plan: in every network namespace of this machine. */
import { readdirSync, statSync } from 'node:fs';

import { NetworkNamespace, RouteNetlink, type Link as KernelLink, type Route as KernelRoute, type Rule as KernelRule } from '../../native/index.js';
import { taskDevice } from '../plan/devices.js';
import type { Machine } from './machine.js';
import { linkAlias, routeProtocol } from './marks.js';

/** What is ours in one task's namespace. */
export interface TaskTraces {
  /** A path by which the namespace can be opened (as long as its process lives). */
  readonly path: string;
  readonly inode: number;
  readonly links: readonly KernelLink[];
  readonly routes: readonly KernelRoute[];
  readonly rules: readonly KernelRule[];
}

/** Paths of all network namespaces that this process can see, one for each. */
export function networkNamespacePaths(): string[] {
  const paths = [
    ...listed('/run/netns').map((name) => `/run/netns/${name}`),
    ...listed('/run/docker/netns').map((name) => `/run/docker/netns/${name}`),
    ...listed('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => `/proc/${pid}/ns/net`),
  ];
  const found = new Map<string, string>();
  for (const path of paths) {
    const identity = identityOf(path);
    if (identity !== undefined && !found.has(identity)) found.set(identity, path);
  }
  return [...found.values()];
}

/** Namespaces of tasks in which something of this node's is. */
export function taskNamespacesWithTraces(machine: Machine): TaskTraces[] {
  const fabric = machine.open('fabric')?.namespace;
  const own = [machine.host, fabric, machine.open('sandbox')?.namespace].filter((namespace) => namespace !== undefined);
  return networkNamespacePaths().flatMap((path) => inNamespace(path, (namespace, socket) => {
    if (own.some((other) => other.isSameAs(namespace))) return undefined;
    const ours = socket.links().filter(({ alias }) => alias === linkAlias);
    const links = ours.filter(({ name, kind }) => name === taskDevice && kind === 'veth');
    // Several nodes can share a machine (a lab): where there is more of ours than a task has, it is another node's sandbox or
    // fabric; a cable that ends in another node's fabric is that node's. All else there is theirs too.
    if (ours.length > links.length) return undefined;
    if (links.some((link) => !endsIn(link, fabric, socket))) return undefined;
    const routes = socket.routes({ family: 'inet' }).filter(({ protocol }) => protocol === routeProtocol);
    const rules = socket.rules('inet').filter(({ protocol }) => protocol === routeProtocol);
    return links.length + routes.length + rules.length === 0 ? undefined : { path, inode: namespace.identity.inode, links, routes, rules };
  }) ?? []);
}

function endsIn(link: KernelLink, fabric: NetworkNamespace | undefined, socket: RouteNetlink): boolean {
  return fabric !== undefined && link.peerNamespaceId !== undefined && socket.namespaceId(fabric) === link.peerNamespaceId;
}

/** Undefined for a namespace that goes while we look. */
export function inNamespace<T>(path: string, look: (namespace: NetworkNamespace, socket: RouteNetlink) => T): T | undefined {
  let namespace: NetworkNamespace | undefined;
  let socket: RouteNetlink | undefined;
  try {
    namespace = NetworkNamespace.at(path);
    socket = RouteNetlink.open(namespace);
    return look(namespace, socket);
  } catch {
    return undefined;
  } finally {
    socket?.close();
    namespace?.close();
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
