/** Finds what we left in the namespaces of tasks, without knowing any plan: in every network namespace of this machine. */
import { NetworkNamespace, RouteNetlink, type Link as KernelLink, type Route as KernelRoute, type Rule as KernelRule } from '../../native/index.js';
import { taskDevice } from '../plan/devices.js';
import type { Machine } from './machine.js';
import { linkAlias, routeProtocol } from './marks.js';
import { networkNamespacePaths } from './namespace-paths.js';

/** What is ours in one task's namespace. */
export interface TaskTraces {
  /** A path by which the namespace can be opened (as long as its process lives). */
  readonly path: string;
  readonly inode: number;
  readonly links: readonly KernelLink[];
  readonly routes: readonly KernelRoute[];
  readonly rules: readonly KernelRule[];
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
