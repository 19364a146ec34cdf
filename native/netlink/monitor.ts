/** "Something changed" hints from the kernel's multicast groups. They say look again, never what to believe. */

import type { NetworkNamespace } from '../netns.js';

/** What a monitor can listen for. `nftables` sees iptables-nft's changes too; iptables-legacy tells nobody. IPVS has no events at all. */
export type MonitorTopic = 'link' | 'address' | 'route' | 'rule' | 'neighbour' | 'nftables';

/** What happened since the last call. */
export interface ChangeHint {
  readonly topics: ReadonlySet<MonitorTopic>;
  /** The kernel had more to tell than the socket could hold (ENOBUFS): take everything as changed. */
  readonly overflowed: boolean;
}

export interface MonitorOptions {
  readonly namespace?: NetworkNamespace | undefined;
  readonly topics: readonly MonitorTopic[];
  /** Called once for each burst of changes. */
  readonly onChange: (hint: ChangeHint) => void;
  /** The socket broke and the monitor has closed itself. */
  readonly onError?: ((error: Error) => void) | undefined;
  /** Milliseconds from a burst's first change to the call. Default 20. */
  readonly settleMs?: number | undefined;
}

export class KernelMonitor {
  private constructor() {
    throw new Error('not built yet');
  }
  /** Subscribes inside the namespace; the namespace's handle may be closed afterwards. */
  static open(_options: MonitorOptions): KernelMonitor {
    return new KernelMonitor();
  }
  /** Lets the process exit although the monitor is open. */
  unref(): void {
    throw new Error('not built yet');
  }
  ref(): void {
    throw new Error('not built yet');
  }
  /** Stops, for good; `onChange` is not called any more. Idempotent. */
  close(): void {
    throw new Error('not built yet');
  }
}
