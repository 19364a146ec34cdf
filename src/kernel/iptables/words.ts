/** Rules as words: read as iptables-save prints them, written only from a closed alphabet. */
import { iptablesTables, type IptablesTable, type RuleWords } from '../../plan/iptables.js';

/**
 * Splits a line as iptables-restore does (xtables_parse_arg() and add_param_to_argv() of iptables/xshared.c): double
 * quotes group, a backslash inside them takes the next character as it is.
 */
export function splitWords(line: string): string[] {
  // All of ours, and nearly all of others'.
  if (!/["\\]/.test(line)) return line.split(/\s+/).filter((word) => word !== '');
  const words: string[] = [];
  let word: string | null = null;
  let quoted = false;
  for (let index = 0; index < line.length; index += 1) {
    const character = line.charAt(index);
    if (quoted) {
      if (character === '"') quoted = false;
      else if (character === '\\' && index + 1 < line.length) word = (word ?? '') + line.charAt((index += 1));
      else word = (word ?? '') + character;
    } else if (character === '"') {
      quoted = true;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else {
      word = (word ?? '') + character;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

/** A value that never should have come this far: nothing of it reaches iptables. */
export class UnsafeWordError extends TypeError {
  override readonly name = 'UnsafeWordError';
}

/** All that our own rules are made of: no white space, quotes, backslashes, comments or control characters. */
const safeWord = /^(?:!|[A-Za-z0-9_.:,/+=-]{1,255})$/;
/** Chain names end at 28 characters (XT_EXTENSION_MAXNAMELEN, linux/netfilter/x_tables.h). */
const safeChain = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,27}$/;

/** @throws {UnsafeWordError} */
export function writeRule(words: RuleWords): string {
  if (words.length === 0) throw new UnsafeWordError('Expected the words of a rule, got none');
  if (words[0] !== '!' && words[0]?.startsWith('-') !== true) throw new UnsafeWordError(`Expected a rule to begin with an option, got ${JSON.stringify(words[0])}`);
  for (const word of words) {
    if (!safeWord.test(word)) throw new UnsafeWordError(`Expected a word of an iptables rule (letters, digits and _.:,/+=-), got ${JSON.stringify(word.slice(0, 80))}`);
  }
  return words.join(' ');
}

/** @throws {UnsafeWordError} */
export function writeChain(chain: string): string {
  if (!safeChain.test(chain)) throw new UnsafeWordError(`Expected the name of an iptables chain, got ${JSON.stringify(chain.slice(0, 80))}`);
  return chain;
}

export function isKnownTable(name: string): name is IptablesTable {
  return (iptablesTables as readonly string[]).includes(name);
}

/** Two rules are the same when their words are. */
export function ruleKey(words: RuleWords): string {
  return words.join('\u0000');
}

/** The rule's target: `-j DROP` → DROP. */
export function targetOf(words: RuleWords): string | undefined {
  const index = words.findIndex((word) => word === '-j' || word === '-g');
  return index < 0 ? undefined : words[index + 1];
}
