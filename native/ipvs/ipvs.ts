/** IPVS of one network namespace, over generic netlink. */
import type { NetlinkResult } from '../netlink/message.js';
import type { NetworkNamespace } from '../netns.js';
import type {
  IpvsInfo, IpvsRequest, IpvsTimeouts, NewDestination, NewVirtualService, ObservedDestination, ObservedVirtualService, ServiceKey,
} from './types.js';

const todo = (): never => {
  throw new Error('not built yet');
};

/** The kernel has no IPVS: the module ip_vs is neither loaded nor loadable. */
export class IpvsUnavailableError extends Error {
  override readonly name = 'IpvsUnavailableError';
}

export class Ipvs {
  private constructor() {
    todo();
  }
  /** Opens IPVS in a namespace (this thread's own when left out); asks the kernel to load ip_vs. Throws IpvsUnavailableError. */
  static open(_namespace?: NetworkNamespace): Ipvs {
    return todo();
  }
  close(): void {
    todo();
  }
  /** Sends all requests in as few sends as possible; one result each, in order; a refused one does not stop the rest. */
  request(_requests: readonly IpvsRequest[]): NetlinkResult[] {
    return todo();
  }
  /** As `request`, but throws the first refusal after all were tried. */
  execute(_requests: readonly IpvsRequest[]): void {
    todo();
  }
  /** Makes each service be there with these settings, whatever was before. Results in order. */
  ensureServices(_services: readonly NewVirtualService[]): NetlinkResult[] {
    return todo();
  }
  /** Makes each destination be there with these settings (weight!), whatever was before: NEW, then SET for those that existed. Results in order. */
  ensureDestinations(_destinations: readonly { readonly service: ServiceKey; readonly destination: NewDestination }[]): NetlinkResult[] {
    return todo();
  }
  services(): ObservedVirtualService[] {
    return todo();
  }
  service(_key: ServiceKey): ObservedVirtualService | undefined {
    return todo();
  }
  /** Real servers of one service; throws NetlinkError ESRCH when there is no such service. */
  destinations(_service: ServiceKey): ObservedDestination[] {
    return todo();
  }
  timeouts(): IpvsTimeouts {
    return todo();
  }
  info(): IpvsInfo {
    return todo();
  }
}
