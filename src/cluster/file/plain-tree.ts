/**
 * The tree of a text that is plain: block maps and lists, flow maps and lists on one line (JSON on many), words without
 * quotes or in double quotes without escapes. That is how nearly all cluster files are written, and it is read a hundred
 * times faster than YAML as a whole. Whatever else a text holds, this gives null: then YAML's own reader has the word.
 */
import type { Tree, TreePair } from './tree.js';

/** Words that need no quotes, and mean themselves in YAML, in blocks (with single spaces inside) and in flow. */
const blockWord = /[A-Za-z0-9_./][A-Za-z0-9_./:,@+=%-]*(?: [A-Za-z0-9_./][A-Za-z0-9_./:,@+=%-]*)*/y;
const flowWord = /[A-Za-z0-9_./][A-Za-z0-9_./:@+=%-]*/y;
const quotedWord = /"[^"\\\n\r\t]*"/y;
const key = /[A-Za-z0-9_][A-Za-z0-9_./-]*(?=:(?: |$))/my;
const nothing = /^(?:~|null|Null|NULL)$/;

/** Null: not plain. */
export function plainTree(text: string): Tree | null {
  try {
    return new PlainReader(text).read();
  } catch (error) {
    if (error instanceof NotPlain) return null;
    throw error;
  }
}

class NotPlain extends Error {}

class PlainReader {
  private at = 0;

  constructor(private readonly text: string) {}

  read(): Tree {
    this.toNextLine();
    const tree = this.text[this.at] === '{' ? this.flow(true) : this.block(this.column());
    this.endLine();
    this.toNextLine();
    if (this.at < this.text.length) throw new NotPlain();
    return tree;
  }

  /** A block map or list whose entries begin in this column; we are at the first. */
  private block(column: number): Tree {
    return this.text.startsWith('- ', this.at) ? this.blockList(column) : this.blockMap(column);
  }

  private blockMap(column: number): Tree {
    const offset = this.at;
    const pairs: TreePair[] = [];
    const names = new Set<string>();
    do {
      const start = this.at;
      const name = this.match(key);
      if (nothing.test(name) || names.has(name)) throw new NotPlain();
      names.add(name);
      this.at += 1;
      pairs.push({ key: { kind: 'scalar', text: name, offset: start }, value: this.valueOf(start, column) });
    } while (this.isNextEntry(column) && !this.text.startsWith('- ', this.at));
    return { kind: 'map', pairs, offset };
  }

  private valueOf(start: number, column: number): Tree {
    this.skipSpaces();
    if (!this.isAtEndOfLine()) return this.inlineValue();
    this.toNextLine();
    const next = this.at < this.text.length ? this.column() : -1;
    if (next > column || (next === column && this.text.startsWith('- ', this.at))) return this.block(next);
    return { kind: 'scalar', text: null, offset: start };
  }

  private blockList(column: number): Tree {
    const offset = this.at;
    const items: Tree[] = [];
    do {
      this.at += 2;
      if (this.text[this.at] === ' ') throw new NotPlain();
      key.lastIndex = this.at;
      items.push(key.test(this.text) ? this.blockMap(column + 2) : this.inlineValue());
    } while (this.isNextEntry(column) && this.text.startsWith('- ', this.at));
    return { kind: 'list', items, offset };
  }

  /** Flow or a word, to the end of the line. What goes on in the next line is not plain. */
  private inlineValue(): Tree {
    const first = this.text[this.at];
    const value = first === '{' || first === '[' ? this.flow(false) : first === '"' ? this.quoted() : this.word(blockWord);
    this.endLine();
    this.toNextLine();
    return value;
  }

  private flow(manyLines: boolean): Tree {
    const offset = this.at;
    if (this.text[this.at] === '[') return { kind: 'list', items: this.flowItems(']', manyLines, () => this.flowValue(manyLines)), offset };
    const names = new Set<string>();
    const pairs = this.flowItems('}', manyLines, () => {
      const isQuoted = this.text[this.at] === '"';
      const name = isQuoted ? this.quoted() : this.word(key);
      if (name.text === null || names.has(name.text) || this.text[this.at] !== ':') throw new NotPlain();
      names.add(name.text);
      this.at += 1;
      this.skipSpaces();
      return { key: name, value: this.flowValue(manyLines) };
    });
    return { kind: 'map', pairs, offset };
  }

  private flowItems<Item>(end: string, manyLines: boolean, readItem: () => Item): Item[] {
    const items: Item[] = [];
    this.at += 1;
    this.skipInFlow(manyLines);
    while (this.text[this.at] !== end) {
      items.push(readItem());
      this.skipInFlow(manyLines);
      if (this.text[this.at] === ',') {
        this.at += 1;
        this.skipInFlow(manyLines);
      } else if (this.text[this.at] !== end) throw new NotPlain();
    }
    this.at += 1;
    return items;
  }

  private flowValue(manyLines: boolean): Tree {
    const first = this.text[this.at];
    return first === '{' || first === '[' ? this.flow(manyLines) : first === '"' ? this.quoted() : this.word(flowWord);
  }

  private word(pattern: RegExp): Tree & { readonly kind: 'scalar' } {
    const offset = this.at;
    const text = this.match(pattern);
    if (nothing.test(text) || text.endsWith(':') || text.includes(': ')) throw new NotPlain();
    return { kind: 'scalar', text, offset };
  }

  private quoted(): Tree & { readonly kind: 'scalar' } {
    const offset = this.at;
    return { kind: 'scalar', text: this.match(quotedWord).slice(1, -1), offset };
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) throw new NotPlain();
    this.at += found.length;
    return found;
  }

  private skipSpaces(): void {
    while (this.text[this.at] === ' ') this.at += 1;
  }

  private skipInFlow(manyLines: boolean): void {
    while (this.text[this.at] === ' ' || (manyLines && this.text[this.at] === '\n')) this.at += 1;
  }

  private isAtEndOfLine(): boolean {
    return this.at >= this.text.length || this.text[this.at] === '\n' || (this.text[this.at] === '#' && this.text[this.at - 1] === ' ');
  }

  private endLine(): void {
    this.skipSpaces();
    if (!this.isAtEndOfLine()) throw new NotPlain();
  }

  /** To the first character of the next line that says something. */
  private toNextLine(): void {
    for (;;) {
      this.skipSpaces();
      if (this.text[this.at] === '#') this.toEndOfLine();
      if (this.text[this.at] !== '\n') return;
      this.at += 1;
    }
  }

  private toEndOfLine(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end === -1 ? this.text.length : end;
  }

  private column(): number {
    return this.at - (this.text.lastIndexOf('\n', this.at - 1) + 1);
  }

  /** An entry of the block goes on, or the block ends; anything deeper belongs to nobody. */
  private isNextEntry(column: number): boolean {
    if (this.at >= this.text.length) return false;
    const next = this.column();
    if (next > column) throw new NotPlain();
    return next === column;
  }
}
