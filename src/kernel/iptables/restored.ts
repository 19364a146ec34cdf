/**
 * What a ruleset that `iptables-restore --noflush` has taken makes of a document. Pure. Knows the lines that `edit.ts`
 * writes, and no others: of what would be a guess it says nothing.
 */
import type { IptablesTable } from '../../plan/iptables.js';
import { parseIptablesSave, type ChainDocument, type IptablesDocument, type RuleDocument } from './document.js';
import { ruleKey, splitWords } from './words.js';

type OpenChains = Map<string, ChainDocument>;

/** Null: it can't be told. The order of chains is that of their making, not iptables-save's. */
export function restored(document: IptablesDocument, lines: readonly { readonly text: string; readonly table: IptablesTable }[]): IptablesDocument | null {
  const tables = new Map(document.tables);
  const opened = new Map<IptablesTable, OpenChains>();
  for (const { table: name, text } of lines) {
    if (text.startsWith('*') || text === 'COMMIT') continue;
    // Which chains a new table is born with depends on the version of iptables.
    const table = tables.get(name);
    if (table === undefined) return null;
    const chains = opened.get(name) ?? new Map(table.chains);
    opened.set(name, chains);
    if (!(text.startsWith(':') ? declare(chains, text) : edit(chains, text))) return null;
  }
  for (const [name, chains] of opened) tables.set(name, { name, chains });
  return { tables, opaque: document.opaque };
}

/** `:FORWARD DROP [0:0]`. A chain without a policy that is declared again is emptied, `--noflush` or not (iptables-restore(8)). */
function declare(chains: OpenChains, text: string): boolean {
  const chain = parseIptablesSave(`*filter\n${text}\n`).tables.get('filter')?.chains.values().next().value;
  if (chain === undefined) return false;
  chains.set(chain.name, { ...chain, rules: chain.policy === null ? [] : (chains.get(chain.name)?.rules ?? []) });
  return true;
}

/** False for a line that is not understood, or would have been refused. */
function edit(chains: OpenChains, text: string): boolean {
  const [verb = '', name = '', ...words] = splitWords(text);
  const chain = chains.get(name);
  if (chain === undefined) return false;
  if (verb === '-X') return chain.rules.length === 0 && chains.delete(name);
  const number = /^\d+$/.test(words[0] ?? '') ? Number(words.shift()) : null;
  const rules = rulesAfter(verb, chain.rules, number, words);
  if (rules !== null) chains.set(name, { ...chain, rules });
  return rules !== null;
}

/** `number`: of the rule, from 1 on, where the line has one. */
function rulesAfter(verb: string, rules: readonly RuleDocument[], number: number | null, words: readonly string[]): readonly RuleDocument[] | null {
  switch (verb) {
    case '-A':
      return [...rules, { words, counters: null }];
    case '-I':
      return number !== null && number >= 1 && number <= rules.length + 1 ? rules.toSpliced(number - 1, 0, { words, counters: null }) : null;
    case '-D': {
      const index = number === null ? rules.findIndex((rule) => ruleKey(rule.words) === ruleKey(words)) : number - 1;
      return rules[index] === undefined ? null : rules.toSpliced(index, 1);
    }
    case '-F':
      return [];
    default:
      return null;
  }
}
