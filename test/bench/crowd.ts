/**
 * Rules for ports that nobody asks, of the same shape as dockerd's for a port that it publishes: what a node looks like
 * that publishes thousands. Publishing them by dockerd itself would take an hour. Pure: iptables-save in, iptables-restore out.
 */

/** dockerd's own rules of one published port, as iptables-save prints them. */
function isRuleOf(line: string, port: number): boolean {
  return line.startsWith('-A ') && line.includes(' -p tcp ') && new RegExp(`--[ds]port ${port}( |$)`).test(line);
}

/**
 * Half of the crowd stands before the rules of the port that is measured and half behind them, as for a port that was
 * published at no special time. `markOf`: of a port of the crowd, where rules set one.
 */
export function crowded(saved: string, measuredPort: number, crowd: readonly number[], markOf: (port: number) => number = () => 0): string {
  const half = Math.ceil(crowd.length / 2);
  return saved
    .split('\n')
    .flatMap((line) => {
      if (!isRuleOf(line, measuredPort)) return [line];
      const alike = (port: number): string =>
        line.replace(new RegExp(`(--[ds]port |:)${measuredPort}\\b`, 'g'), `$1${port}`).replace(/--set-xmark 0x[0-9a-f]+/, `--set-xmark 0x${markOf(port).toString(16)}`);
      return [...crowd.slice(0, half).map(alike), line, ...crowd.slice(half).map(alike)];
    })
    .join('\n');
}

/** Without the ways into a chain: packets pass as if it were not there. */
export function withoutJumpsTo(chain: string, saved: string): string {
  return saved
    .split('\n')
    .filter((line) => !line.endsWith(` -j ${chain}`))
    .join('\n');
}

/** For ipvsadm -R: a virtual service by mark, with one real server. */
export function virtualServices(marks: readonly number[], address: string): string {
  return marks.map((mark) => `-A -f ${mark} -s rr\n-a -f ${mark} -r ${address}:0 -m -w 1\n`).join('');
}

/** `10000-10999` and so on: numbers in order, at most so many in each. */
export function chunks(numbers: readonly number[], most: number): number[][] {
  return Array.from({ length: Math.ceil(numbers.length / most) }, (_, index) => numbers.slice(index * most, (index + 1) * most));
}
