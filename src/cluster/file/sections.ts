/**
 * A cluster file cut into its services, so that each is read by itself, and only when it changed. Only block style can be
 * cut: under `services:` a line that is indented as the first one, and begins with a name, begins another service,
 * whatever is between (YAML wants everything that belongs to an entry further in).
 */
export interface Sections {
  /** All but the services: `nodes:`. */
  readonly head: string;
  readonly services: readonly Section[];
}

export interface Section {
  /** From the name's line to the next one's. */
  readonly text: string;
  /** Of the file, in which it begins. */
  readonly line: number;
}

/** What reaches from one part of a YAML text into another: anchors, aliases, tags, documents, directives; tabs for caution. */
const entangling = /[&*!\t\r|>'`]|^(?:---|\.\.\.|%)/m;

/** Null: can't be cut. */
export function cutIntoSections(text: string): Sections | null {
  const begin = /^services: *\n((?: *(?:#.*)?\n)*)( +)(?=[A-Za-z0-9])/m.exec(text);
  if (begin === null || entangling.test(text)) return null;
  const [whole, , indent = ''] = begin;
  const first = begin.index + whole.length - indent.length;
  const rest = text.slice(first);
  const after = /^[^ #\n]/m.exec(rest)?.index;
  // A second top-level section behind the services goes to the head, where the reader refuses or takes it.
  const body = after === undefined ? rest : rest.slice(0, after);
  if (!body.endsWith('\n')) return null;
  const starts = [...body.matchAll(new RegExp(`^${indent}(?=[A-Za-z0-9])`, 'gm'))].map(({ index }) => index);
  const outOfLine = new RegExp(`^ {0,${indent.length - 1}}[^ #\\n]`, 'm').test(body);
  if (outOfLine) return null;
  let line = linesIn(text.slice(0, first)) + 1;
  const services = starts.map((start, index): Section => {
    const section = { text: body.slice(start, starts[index + 1] ?? body.length), line };
    line += linesIn(section.text);
    return section;
  });
  return { head: text.slice(0, begin.index) + (after === undefined ? '' : rest.slice(after)), services };
}

function linesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
