/**
 * The machine that the plan is applied to: opens each place's namespace and keeps its sockets.
 *
 * INVARIANTS
 * - A place is known by the namespace that its path means *now*: when the path goes, or means another namespace, the
 *   old handle and its sockets are closed before anything else is done there.
 * - Only the host and our own namespaces stay open between passes: an open handle keeps a namespace alive, and a dead
 *   task's must go when its process does.
 */
import { statSync } from 'node:fs';

import { initialise, IpSets, Ipvs, type Link as KernelLink, NetworkNamespace, RouteNetlink } from '../../native/index.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { Place } from '../plan/objects.js';
import type { Settings } from '../settings.js';
import { DeviceMissingError, PlaceMissingError } from './errors.js';
import { HeldPorts } from './held-ports.js';
import { Ruleset } from './iptables/ruleset.js';

export type Location = PlacePlan['namespace'];

export interface MachineOptions {
  readonly settings: Pick<Settings, 'names' | 'stateFolder'>;
  /** The namespace that is taken for the host's; this process's own when left out. Tests give a throw-away one. */
  readonly host?: NetworkNamespace;
}

/** An open namespace with its sockets, each opened when first asked for. */
export class OpenPlace {
  private routeNetlink: RouteNetlink | undefined;
  private ipvsSocket: Ipvs | undefined;
  private setSocket: IpSets | undefined;
  private iptables: Ruleset | undefined;
  private linkDump: readonly KernelLink[] | undefined;
  /** Of `linkDump`: every route, address and neighbour asks for one. */
  private linksByIndex: ReadonlyMap<number, KernelLink> | undefined;
  private linksByName: ReadonlyMap<string, KernelLink> | undefined;

  constructor(
    readonly place: Place,
    readonly namespace: NetworkNamespace,
    private readonly ownsHandle: boolean,
  ) {}

  routes(): RouteNetlink {
    return (this.routeNetlink ??= RouteNetlink.open(this.namespace));
  }

  /** Loads ip_vs where it is not; throws IpvsUnavailableError. */
  ipvs(): Ipvs {
    return (this.ipvsSocket ??= Ipvs.open(this.namespace));
  }

  sets(): IpSets {
    return (this.setSocket ??= IpSets.open(this.namespace));
  }

  ruleset(): Ruleset {
    return (this.iptables ??= new Ruleset(this.namespace));
  }

  /** Links as of this pass: dumped once, and again after `forgetLinks`. */
  links(): readonly KernelLink[] {
    return (this.linkDump ??= this.routes().links());
  }

  forgetLinks(): void {
    this.linkDump = this.linksByIndex = this.linksByName = undefined;
  }

  /** @throws {DeviceMissingError} */
  indexOf(device: string): number {
    this.linksByName ??= new Map(this.links().map((link) => [link.name, link]));
    const link = this.linksByName.get(device);
    if (link === undefined) throw new DeviceMissingError(this.place, device);
    return link.index;
  }

  /** `#7` for an index that no link has: nothing of the plan's is named so. */
  nameOf(index: number | undefined): string {
    this.linksByIndex ??= new Map(this.links().map((link) => [link.index, link]));
    return (index === undefined ? undefined : this.linksByIndex.get(index)?.name) ?? `#${index ?? 'none'}`;
  }

  close(): void {
    this.routeNetlink?.close();
    this.ipvsSocket?.close();
    this.setSocket?.close();
    this.iptables?.close();
    if (this.ownsHandle) this.namespace.close();
    this.routeNetlink = this.ipvsSocket = this.setSocket = this.iptables = undefined;
    this.forgetLinks();
  }
}

export class Machine {
  readonly heldPorts: HeldPorts;
  private readonly locations = new Map<Place, Location>();
  private readonly opened = new Map<Place, OpenPlace>();

  private constructor(
    readonly settings: MachineOptions['settings'],
    readonly host: NetworkNamespace,
    private readonly ownsHost: boolean,
  ) {
    this.heldPorts = new HeldPorts(ownsHost ? undefined : host);
  }

  static async create(options: MachineOptions): Promise<Machine> {
    await initialise();
    return new Machine(options.settings, options.host ?? NetworkNamespace.current(), options.host === undefined);
  }

  /** Where each of the plan's places is; what was told before of other places stays known. */
  locate(places: readonly Pick<PlacePlan, 'place' | 'namespace'>[]): void {
    for (const { place, namespace } of places) this.locations.set(place, namespace);
  }

  forget(place: Place): void {
    this.opened.get(place)?.close();
    this.opened.delete(place);
    this.locations.delete(place);
  }

  locationOf(place: Place): Location | undefined {
    return this.locations.get(place);
  }

  /** The place as it is now; undefined when there is no such namespace. */
  open(place: Place): OpenPlace | undefined {
    const cached = this.opened.get(place);
    const location = this.locations.get(place);
    if (place === 'host') {
      if (cached !== undefined) return cached;
      return this.keep(new OpenPlace(place, this.host, false));
    }
    if (location === undefined || location === null) return undefined;

    const identity = namespaceAt(location.path);
    if (cached !== undefined) {
      const { inode, device } = cached.namespace.identity;
      if (identity?.ino === inode && identity.dev === device) return cached;
      cached.close();
      this.opened.delete(place);
    }
    if (identity === undefined) return undefined;
    try {
      return this.keep(new OpenPlace(place, NetworkNamespace.at(location.path), true));
    } catch {
      return undefined; // gone between the two looks, or a file that is no namespace
    }
  }

  /** The place as a pass last found it, without a look at its path: for what is asked several times a second. */
  lastOpened(place: Place): OpenPlace | undefined {
    return this.opened.get(place) ?? this.open(place);
  }

  /** @throws {PlaceMissingError} */
  require(place: Place): OpenPlace {
    const open = this.open(place);
    if (open === undefined) throw new PlaceMissingError(place, this.locations.get(place)?.path ?? null);
    return open;
  }

  /** Begins a pass: what was cached of the kernel's state is read anew. */
  beginPass(): void {
    for (const open of this.opened.values()) open.forgetLinks();
  }

  /** Ends a pass: lets go of namespaces that are not ours. */
  endPass(): void {
    for (const [place, open] of this.opened) {
      if (!place.startsWith('task:')) continue;
      open.close();
      this.opened.delete(place);
    }
  }

  /** Lets go of everything, placeholder sockets too. The machine's state stays as it is. */
  close(): void {
    for (const open of this.opened.values()) open.close();
    this.opened.clear();
    this.heldPorts.close();
    if (this.ownsHost) this.host.close();
  }

  private keep(open: OpenPlace): OpenPlace {
    this.opened.set(open.place, open);
    return open;
  }
}

function namespaceAt(path: string): { readonly dev: number; readonly ino: number } | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}
