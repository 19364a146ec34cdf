/** What test/tools/watch-ipvs.c saw, and when every node had taken a task in or out. Pure. */

export interface IpvsEvent {
  /** Microseconds since 1970, by the virtual machine's clock, which dockerd's timestamps are of, too. */
  readonly at: number;
  readonly node: string;
  readonly address: string;
  /** -1: the real server is gone. */
  readonly weight: number;
}

export function parseEvents(output: string): IpvsEvent[] {
  return output.split('\n').flatMap((line) => {
    const [, at, node, address, weight] = /^(\d+) (\S+) \d+ ([\d.]+):\d+ (-?\d+)$/.exec(line) ?? [];
    return at === undefined || node === undefined || address === undefined ? [] : [{ at: Number(at), node, address, weight: Number(weight) }];
  });
}

/** When the last of the nodes first sent connections to the task; null while one does not. */
export function takenInAt(events: readonly IpvsEvent[], address: string, nodes: readonly string[]): number | null {
  return latest(nodes.map((node) => events.find((event) => event.node === node && event.address === address && event.weight > 0)?.at));
}

/** When the last of the nodes first sent no more connections to a task that it had sent some to; null while one does. */
export function takenOutAt(events: readonly IpvsEvent[], address: string, nodes: readonly string[]): number | null {
  return latest(
    nodes.map((node) => {
      const own = events.filter((event) => event.node === node && event.address === address);
      const began = own.findIndex(({ weight }) => weight > 0);
      return began < 0 ? undefined : own.slice(began).find(({ weight }) => weight <= 0)?.at;
    }),
  );
}

function latest(times: readonly (number | undefined)[]): number | null {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 || known.length < times.length ? null : Math.max(...known);
}

/** Docker's RFC 3339 with nanoseconds, in microseconds since 1970. */
export function microseconds(timestamp: string): number {
  const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(timestamp) ?? [];
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
