/** Published ports on which another program of this node listens: they are not taken from it. */
import { findSocketOwners, isSocketAt, listListeners, type Listener, type NetworkNamespace, type SocketOwner } from '../../native/index.js';
import type { Placeholder } from '../plan/objects.js';

/** A program that listens on a port. */
export interface ListeningProgram {
  /** `nginx (pid 123)`. */
  readonly text: string;
  /** Undefined where the kernel shows no process (one of another pid namespace, or the kernel itself). */
  readonly command: string | undefined;
  readonly processId: number | undefined;
}

/** By `protocol/number`. */
export function programsListening(host: NetworkNamespace, ports: Iterable<Placeholder>): Map<string, ListeningProgram[]> {
  const listeners = amongThem(listListeners(host), ports);
  return programsOf(listeners, findSocketOwners(listeners.map(({ inode }) => inode)));
}

/** Remembers which sockets are dockerd's: it has one for each port that it publishes, and to find out goes through all of /proc. */
export class PortHolders {
  /** By inode; those that still listen, asked about or not. */
  private dockerds: ReadonlyMap<number, SocketOwner> = new Map();

  /**
   * `protocol/number` → `nginx (pid 123)`, for each of the ports on which a program listens that is neither dockerd (its
   * own placeholder for a port that it publishes) nor this process (ours).
   */
  others(host: NetworkNamespace, ports: readonly Placeholder[]): Map<string, string> {
    if (ports.length === 0) return new Map();
    const all = listListeners(host);
    const listeners = amongThem(all, ports);
    const owners = this.ownersOf(listeners);
    this.remember(all, owners);
    const held = new Map<string, string>();
    for (const [key, programs] of programsOf(listeners, owners)) {
      const others = programs.filter((program) => !isDockerd(program) && program.processId !== process.pid);
      const isPartlyKnown = others.length < programs.length;
      // A socket that dockerd or we share by file descriptor is dockerd's or ours, whoever else has it open.
      if (others.length > 0 && !isPartlyKnown) held.set(key, [...new Set(others.map(({ text }) => text))].join(', '));
    }
    return held;
  }

  private remember(all: readonly Listener[], owners: ReadonlyMap<number, readonly SocketOwner[]>): void {
    const listening = new Set(all.map(({ inode }) => inode));
    const before = [...this.dockerds].filter(([inode]) => listening.has(inode) && !owners.has(inode));
    const found = [...owners].flatMap(([inode, each]) => each.filter(isDockerd).map((owner) => [inode, owner] as const));
    this.dockerds = new Map([...before, ...found]);
  }

  private ownersOf(listeners: readonly Listener[]): Map<number, readonly SocketOwner[]> {
    const inodes = listeners.map(({ inode }) => inode);
    const owners = new Map<number, readonly SocketOwner[]>();
    for (const inode of inodes) {
      const dockerd = this.dockerds.get(inode);
      if (dockerd !== undefined && isSocketAt(dockerd.file, inode)) owners.set(inode, [dockerd]);
    }
    for (const [inode, found] of findSocketOwners(inodes.filter((inode) => !owners.has(inode)))) owners.set(inode, found);
    return owners;
  }
}

function isDockerd({ command }: Pick<ListeningProgram, 'command'>): boolean {
  return command === 'dockerd';
}

function amongThem(listeners: readonly Listener[], ports: Iterable<Placeholder>): Listener[] {
  const wanted = new Set([...ports].map(({ protocol, port }) => `${protocol}/${port}`));
  return listeners.filter(({ protocol, port }) => wanted.has(`${protocol}/${port}`));
}

function programsOf(listeners: readonly Listener[], owners: ReadonlyMap<number, readonly SocketOwner[]>): Map<string, ListeningProgram[]> {
  const programs = new Map<string, ListeningProgram[]>();
  for (const { protocol, port, inode } of listeners) {
    const key = `${protocol}/${port}`;
    const found = (owners.get(inode) ?? []).map(({ command, processId }) => ({ text: `${command} (pid ${processId})`, command, processId }));
    const known = programs.get(key) ?? [];
    programs.set(key, [...known, ...(found.length > 0 ? found : [{ text: 'a program that can’t be named', command: undefined, processId: undefined }])]);
  }
  return programs;
}
