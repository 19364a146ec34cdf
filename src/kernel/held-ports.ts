/** Placeholder sockets of this process, in the host's namespace. They live as long as the process does. */
import { holdPort, type NetworkNamespace, type PortHolder } from '../../native/index.js';
import type { Placeholder } from '../plan/objects.js';

export class HeldPorts {
  private readonly holders = new Map<string, PortHolder>();

  /** `host`: left out where it is this process's own namespace, which need not be entered ten thousand times. */
  constructor(private readonly host?: NetworkNamespace) {}

  has({ protocol, port }: Placeholder): boolean {
    return this.holders.has(`${protocol}/${port}`);
  }

  list(): Placeholder[] {
    return [...this.holders.values()].map(({ protocol, port }) => ({ protocol, port }));
  }

  /** Throws SystemError: EADDRINUSE when another program has the port. */
  hold({ protocol, port }: Placeholder): void {
    const key = `${protocol}/${port}`;
    if (!this.holders.has(key)) this.holders.set(key, holdPort(protocol, port, this.host));
  }

  release({ protocol, port }: Placeholder): void {
    const key = `${protocol}/${port}`;
    this.holders.get(key)?.close();
    this.holders.delete(key);
  }

  close(): void {
    for (const holder of this.holders.values()) holder.close();
    this.holders.clear();
  }
}
