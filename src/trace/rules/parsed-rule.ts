/** A rule's words, taken apart as iptables-save puts them together: matches first, then the target with its own options. */
import type { RuleWords } from '../../plan/iptables.js';

/** One condition: `! -s 10.0.0.0/8`, or `--dport 80` of the module `tcp`. */
export interface Match {
  /** Of the last `-m` before it; null for iptables' own options. */
  readonly module: string | null;
  readonly option: string;
  readonly values: readonly string[];
  readonly negated: boolean;
}

export interface ParsedRule {
  readonly matches: readonly Match[];
  /** Null: the rule only counts. */
  readonly target: string | null;
  /** `-g`: the called chain does not come back here. */
  readonly isGoto: boolean;
  readonly targetOptions: ReadonlyMap<string, readonly string[]>;
}

/** Options whose one value is anybody's text, which may look like an option itself. */
const freeText: ReadonlySet<string> = new Set(['--comment', '--string', '--hex-string', '--bytecode', '--log-prefix', '--nflog-prefix', '--name', '--path']);

/** A thousand real servers each meet all rules of the fabric. */
const parsed = new WeakMap<RuleWords, ParsedRule>();

export function parseRule(words: RuleWords): ParsedRule {
  const known = parsed.get(words);
  if (known !== undefined) return known;
  const rule = takenApart(words);
  parsed.set(words, rule);
  return rule;
}

function takenApart(words: RuleWords): ParsedRule {
  const matches: Match[] = [];
  let module: string | null = null;
  let negated = false;
  let index = 0;
  while (index < words.length) {
    const word = words[index] ?? '';
    index += 1;
    if (word === '!') {
      negated = true;
    } else if (word === '-m') {
      module = words[index] ?? '';
      index += 1;
      matches.push({ module, option: '-m', values: [module], negated: false });
    } else if (word === '-j' || word === '-g') {
      return { matches, target: words[index] ?? null, isGoto: word === '-g', targetOptions: optionsFrom(words.slice(index + 1)) };
    } else {
      const values = valuesAt(words, index, word);
      matches.push({ module: isOwnOption(word) ? null : module, option: word, values, negated });
      index += values.length;
      negated = false;
    }
  }
  return { matches, target: null, isGoto: false, targetOptions: new Map() };
}

function isOwnOption(word: string): boolean {
  return !word.startsWith('--');
}

function valuesAt(words: RuleWords, start: number, option: string): string[] {
  if (freeText.has(option)) return words.slice(start, start + 1);
  let end = start;
  while (end < words.length && words[end] !== '!' && words[end]?.startsWith('-') !== true) end += 1;
  return words.slice(start, end);
}

function optionsFrom(words: RuleWords): Map<string, readonly string[]> {
  const options = new Map<string, readonly string[]>();
  let index = 0;
  while (index < words.length) {
    const option = words[index] ?? '';
    const values = valuesAt(words, index + 1, option);
    options.set(option, values);
    index += 1 + values.length;
  }
  return options;
}
