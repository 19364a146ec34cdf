/**
 * Which of the host's events are about something that the mesh has there or depends on. What is not known to be
 * somebody else's counts as ours: a look too many finds nothing, one too few heals late.
 */
import type { KernelEvent } from '../../native/index.js';
import type { NodePlan } from '../plan/node-plan.js';

export class HostConcerns {
  private devices: ReadonlySet<string> = new Set();
  private chains: ReadonlySet<string> = new Set();
  private underlay: string | null = null;
  /** Cables of containers, by index. Those only that something was told of. */
  private readonly foreign = new Set<number>();
  private plan: NodePlan['places'][number] | undefined;

  follow({ places }: NodePlan): void {
    const host = places.find(({ place }) => place === 'host');
    if (host === this.plan) return;
    this.plan = host;
    this.devices = new Set(host?.links.map(({ name }) => name));
    // Where our rules are guests, what others do may have moved them.
    this.chains = new Set([...(host?.iptables.chains ?? []), ...(host?.iptables.guests ?? [])].map(({ chain }) => chain));
    this.foreign.clear();
  }

  onUnderlay(device: string | null): void {
    if (device === this.underlay) return;
    this.underlay = device;
    this.foreign.clear();
  }

  concerns(event: KernelEvent): boolean {
    // Without a plan nobody knows what is ours.
    if (this.plan === undefined) return true;
    const { topic, linkIndex, chain } = event;
    switch (topic) {
      case 'link':
        return this.concernsLink(event);
      case 'address':
        // An IPv4 address on a cable says that it leads to more than a container: it may be the node's own.
        return event.isIpv4 === true || !this.isForeign(linkIndex);
      case 'route':
        return !this.isForeign(linkIndex);
      case 'nftables':
        return chain === undefined || this.chains.has(chain);
      case 'rule':
      case 'neighbour':
        return true;
    }
  }

  private concernsLink({ linkIndex, link }: KernelEvent): boolean {
    if (linkIndex === undefined || link === undefined) return true;
    // A bridge tells of its ports without saying what they are.
    const isForeign = (link.kind === 'veth' || (link.kind === undefined && this.foreign.has(linkIndex))) && !this.devices.has(link.name) && link.name !== this.underlay;
    if (isForeign && !link.isGone) this.foreign.add(linkIndex);
    else this.foreign.delete(linkIndex);
    return !isForeign;
  }

  private isForeign(linkIndex: number | undefined): boolean {
    return linkIndex !== undefined && this.foreign.has(linkIndex);
  }
}
