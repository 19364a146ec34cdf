/** What was typed, out of a terminal's bytes in raw mode. Pure. */
/** A character, or one of `up`, `down`, `left`, `right`, `page up`, `page down`, `ctrl-c`, `ctrl-d`, `escape`. */
export type Key = string;

/** ECMA-48 and xterm's control sequences. */
const sequences: readonly (readonly [string, Key])[] = [
  ['\u001b[A', 'up'], ['\u001b[B', 'down'], ['\u001b[C', 'right'], ['\u001b[D', 'left'],
  ['\u001bOA', 'up'], ['\u001bOB', 'down'], ['\u001bOC', 'right'], ['\u001bOD', 'left'],
  ['\u001b[5~', 'page up'], ['\u001b[6~', 'page down'],
  ['\u0003', 'ctrl-c'], ['\u0004', 'ctrl-d'],
];

/** Several keys may come at once; a control sequence that means nothing here is one `escape`. */
export function keysIn(text: string): Key[] {
  const keys: Key[] = [];
  let rest = text;
  while (rest !== '') {
    const known = sequences.find(([sequence]) => rest.startsWith(sequence));
    const length = known?.[0].length ?? unknownSequence(rest) ?? [...rest][0]?.length ?? 1;
    keys.push(known?.[1] ?? (rest.startsWith('\u001b') ? 'escape' : rest.slice(0, length)));
    rest = rest.slice(length);
  }
  return keys;
}

function unknownSequence(text: string): number | undefined {
  // eslint-disable-next-line no-control-regex -- that is what terminals send
  return /^\u001b(?:\[[0-9;?]*[ -/]*[@-~]|O.)?/u.exec(text)?.[0].length;
}
