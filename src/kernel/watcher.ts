/**
 * Hints that somebody changed something where our objects live. IPVS gives none: the periodic look finds its changes.
 *
 * In the host's namespace most changes are none of ours: each container that comes or goes makes dozens of events of its
 * cables and of dockerd's chains. A look for each would take more than all else that a controller does.
 */
import { KernelMonitor, type ChangeHint, type MonitorTopic } from '../../native/index.js';
import type { NodePlan } from '../plan/node-plan.js';
import { HostConcerns } from './host-concerns.js';
import type { Place } from '../plan/objects.js';
import type { Doubted, Teller } from './glance.js';
import type { Machine } from './machine.js';

const common: readonly MonitorTopic[] = ['link', 'address', 'route', 'rule', 'nftables'];
/** Neighbours, and forwarding entries with them, only in the fabric: elsewhere the kernel learns some all the time. */
const topicsOf = { host: common, sandbox: common, fabric: [...common, 'neighbour'] } as const satisfies Partial<Record<Place, readonly MonitorTopic[]>>;
const places = ['host', 'sandbox', 'fabric'] as const;
const ofCables: ReadonlySet<Teller> = new Set(['cable']);

export class Watcher {
  private readonly monitors = new Map<Place, { readonly inode: number; readonly monitor: KernelMonitor }>();
  private readonly hostConcerns = new HostConcerns();
  private plan: NodePlan | null = null;
  private onChange: ((what: string, doubted: Doubted) => void) | null = null;

  constructor(private readonly machine: Machine) {}

  start(onChange: (what: string, doubted: Doubted) => void): void {
    this.onChange = onChange;
    this.renew();
  }

  /** What is ours from now on. */
  follow(plan: NodePlan): void {
    this.plan = plan;
    this.hostConcerns.follow(plan);
  }

  /** The device by which nodes reach each other. */
  onUnderlay(device: string | null): void {
    this.hostConcerns.onUnderlay(device);
  }

  /** Follows namespaces that were made (again) since. */
  renew(): void {
    if (this.onChange === null) return;
    for (const place of places) {
      const namespace = this.machine.open(place)?.namespace;
      const known = this.monitors.get(place);
      if (known !== undefined && known.inode === namespace?.identity.inode) continue;
      known?.monitor.close();
      this.monitors.delete(place);
      if (namespace === undefined) continue;
      try {
        const monitor = KernelMonitor.open({
          namespace,
          topics: topicsOf[place],
          concerns: place === 'host' ? (event) => this.hostConcerns.concerns(event) : undefined,
          devices: true,
          onChange: (hint) => { this.tell(place, hint); },
          onError: () => this.monitors.delete(place),
        });
        monitor.unref();
        this.monitors.set(place, { inode: namespace.identity.inode, monitor });
      } catch {
        // Only hints are lost: the periodic look goes on, and the next apply tries again.
      }
    }
  }

  close(): void {
    this.onChange = null;
    for (const { monitor } of this.monitors.values()) monitor.close();
    this.monitors.clear();
  }

  private tell(place: Place, { topics, devices, overflowed }: ChangeHint): void {
    const what = `${place} changed${topics.size === 0 ? '' : ` (${[...topics].join(', ')})`}`;
    this.onChange?.(what, overflowed ? 'everywhere' : new Map([[place, tellersOf(topics)], ...this.otherEnds(place, devices).map((end) => [end, ofCables] as const)]));
  }

  /** A cable that somebody takes down at its other end, where nobody listens, is told of at this one. */
  private otherEnds(place: Place, devices: ReadonlySet<string>): Place[] {
    const links = this.plan?.places.find((plan) => plan.place === place)?.links ?? [];
    return links.flatMap((link) => (link.kind === 'veth' && devices.has(link.name) ? [link.peer.place] : []));
  }
}

function tellersOf(topics: ReadonlySet<MonitorTopic>): ReadonlySet<Teller> {
  return new Set([...topics].map((topic): Teller => (topic === 'nftables' ? 'nftables' : 'rtnetlink')));
}
