/**
 * What may differ between the page's output and the lab's: a closed set, which the page itself lists. Pure.
 * Everything else is compared as it is.
 */

interface Normalisation {
  /** As the page's own list says it. */
  readonly name: string;
  readonly pattern: RegExp;
  readonly replacement: string;
}

export const normalisations: readonly Normalisation[] = [
  { name: 'hardware addresses', pattern: /\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, replacement: 'MAC' },
  { name: 'hardware addresses', pattern: /\bfe80::[0-9a-f:]+/g, replacement: 'fe80::MAC' },
  { name: 'ids of Docker and Swarm', pattern: /\b[0-9a-f]{64}\b|\b[a-z0-9]{25}\b/g, replacement: 'ID' },
  { name: 'ids of Docker and Swarm', pattern: /\b(?=[a-z0-9]*\d)[a-z0-9]{12}\b/g, replacement: 'ID' },
  { name: 'names made of ids', pattern: /\btask-[a-z0-9]{10}\b/g, replacement: 'task-ID' },
  { name: 'names made of ids', pattern: /\b1-[a-z0-9]{10}\b/g, replacement: '1-ID' },
  { name: 'names of veths', pattern: /\bveth[0-9a-f]+\b/g, replacement: 'vethID' },
  { name: 'numbers of interfaces and namespaces', pattern: /^\d+: (?=\S+: <)/gm, replacement: 'N: ' },
  { name: 'numbers of interfaces and namespaces', pattern: /@if\d+\b/g, replacement: '@ifN' },
  { name: 'numbers of interfaces and namespaces', pattern: /\blink-netnsid \d+/g, replacement: 'link-netnsid N' },
  { name: 'addresses that Docker gives', pattern: /\b(10\.0\.0|172\.18\.0)\.(?!0\/)\d+\b/g, replacement: '$1.N' },
  { name: 'ports that the kernel gives', pattern: /(?<=[\dN]:|\bsport=)(32[7-9]\d{2}|3[3-9]\d{3}|[45]\d{4}|60\d{3})\b/g, replacement: 'PORT' },
  { name: 'process ids', pattern: /\bpid=\d+,fd=\d+/g, replacement: 'pid=N,fd=N' },
  { name: 'counters', pattern: /(?<=-> .*(?:Masq|Route)\s+\d+\s+)\d+\s+\d+/g, replacement: 'N N' },
  { name: 'counters', pattern: /\b\d+ (packet|byte|connection)s?\b/g, replacement: 'N $1' },
  { name: 'round-trip times and silences', pattern: /(?<=\b(alive,|silent for) )\d+(\.\d+)? m?s\b/g, replacement: 'N ms' },
  { name: "dockerd's marks, which it counts", pattern: /(?<=MARK set )0x1[0-9a-f]{2}\b|(?<=^FWM +)(2[5-9]|[34]\d)\d\b/gm, replacement: 'MARK' },
  { name: 'spaces between columns', pattern: /(?<=\S) {2,}/g, replacement: ' ' },
];

/** Lines that can be compared. Those that begin with an address that Docker gives, which may be any task's, are sorted where they stand. */
export function normalised(lines: readonly string[]): string[] {
  const text = normalisations.reduce((words, { pattern, replacement }) => words.replace(pattern, replacement), lines.map((line) => line.trimEnd()).join('\n'));
  const sorted: string[] = [];
  let run: string[] = [];
  for (const line of text.split('\n')) {
    if (/^\s*(-> )?10\.0\.0\.N/.test(line)) {
      run.push(line);
      continue;
    }
    sorted.push(...run.sort(), line);
    run = [];
  }
  sorted.push(...run.sort());
  return sorted.join('\n').trimEnd().split('\n');
}
