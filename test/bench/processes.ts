/** What /proc says of a process, in the words of proc(5). Pure; `processFacts` is what to run for it. */

/** Seconds of CPU, since its start. */
export interface Cpu {
  readonly user: number;
  readonly system: number;
  /** Of the programs that it started and that have ended. */
  readonly children: number;
}

export interface ProcessFacts {
  readonly cpu: Cpu;
  /** Page faults of the programs that it started and that have ended: no program runs without one. */
  readonly childrenFaults: number;
  readonly residentMiB: number;
  readonly mostResidentMiB: number;
  /** Of what is resident, what no file backs: pages of files come and go as the machine likes, these only if the program lets them. */
  readonly anonymousMiB: number;
  readonly openFiles: number;
  /** Times that one of its threads went to sleep by itself: each is followed by a wake-up. */
  readonly voluntarySwitches: number;
}

/** A line of shell that prints a process's facts for `parseProcess`. */
export function processFacts(pid: string): string {
  return `cat /proc/${pid}/stat; grep -e ^VmRSS -e ^VmHWM -e ^RssAnon /proc/${pid}/status; echo files $(ls /proc/${pid}/fd | wc -l); cat /proc/${pid}/task/*/status | grep ^voluntary_ctxt_switches`;
}

/** CLK_TCK is 100 on every Linux that people run (sysconf(_SC_CLK_TCK)). */
const ticksOfASecond = 100;

export function parseProcess(output: string): ProcessFacts {
  const [stat = '', ...lines] = output.trim().split('\n');
  // The command's name is in parentheses and may hold anything; the third field follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  const field = (number: number): number => fields[number - 3] ?? Number.NaN;
  const first = (name: string): number => Number(/\d+/.exec(lines.find((line) => line.startsWith(name)) ?? '')?.[0]);
  return {
    cpu: { user: field(14) / ticksOfASecond, system: field(15) / ticksOfASecond, children: (field(16) + field(17)) / ticksOfASecond },
    childrenFaults: field(11),
    residentMiB: first('VmRSS') / 1024,
    mostResidentMiB: first('VmHWM') / 1024,
    anonymousMiB: first('RssAnon') / 1024,
    openFiles: first('files'),
    voluntarySwitches: lines.filter((line) => line.startsWith('voluntary')).reduce((sum, line) => sum + Number(/\d+/.exec(line)?.[0]), 0),
  };
}

export function cpuBetween(before: ProcessFacts, after: ProcessFacts): Cpu & { readonly total: number } {
  const user = after.cpu.user - before.cpu.user;
  const system = after.cpu.system - before.cpu.system;
  const children = after.cpu.children - before.cpu.children;
  return { user, system, children, total: user + system + children };
}
