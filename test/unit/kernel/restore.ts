/** iptables-restore --noflush in a few lines: what a ruleset would make of a document. */
import { parseIptablesSave, type ChainDocument, type IptablesDocument } from '../../../src/kernel/iptables/document.js';
import { linesOf, type TableEdit } from '../../../src/kernel/iptables/edit.js';
import { ruleKey, splitWords } from '../../../src/kernel/iptables/words.js';

export function restored(document: IptablesDocument, edits: readonly TableEdit[]): IptablesDocument {
  const tables = new Map([...document.tables].map(([name, table]) => [name, { name, chains: new Map(table.chains) }]));
  for (const { table: name, text } of linesOf(edits)) {
    if (text.startsWith('*') || text === 'COMMIT') continue;
    const table = tables.get(name) ?? { name, chains: new Map<string, ChainDocument>() };
    tables.set(name, table);
    if (text.startsWith(':')) {
      const declared = parseIptablesSave(`*t\n${text}\n`).tables.get('t')?.chains.values().next().value;
      if (declared === undefined) throw new Error(`not a chain: ${text}`);
      // --noflush flushes a user-defined chain that is declared again.
      const rules = declared.policy === null ? [] : (table.chains.get(declared.name)?.rules ?? []);
      table.chains.set(declared.name, { ...declared, rules });
      continue;
    }
    const [verb = '', chain = '', ...words] = splitWords(text);
    const existing = table.chains.get(chain) ?? { name: chain, policy: 'ACCEPT', counters: null, rules: [] };
    if (verb === '-X') {
      table.chains.delete(chain);
      continue;
    }
    const rules = [...existing.rules];
    const number = /^\d+$/.test(words[0] ?? '') ? Number(words.shift()) : null;
    if (verb === '-F') rules.length = 0;
    else if (verb === '-A') rules.push({ words, counters: null });
    else if (verb === '-I' && number !== null && number <= rules.length + 1) rules.splice(number - 1, 0, { words, counters: null });
    else if (verb === '-D') {
      const index = number === null ? rules.findIndex((rule) => ruleKey(rule.words) === ruleKey(words)) : number - 1;
      if (rules[index] === undefined) throw new Error(`no rule to delete: ${text}`);
      rules.splice(index, 1);
    } else throw new Error(`iptables-restore would not know: ${text}`);
    table.chains.set(chain, { ...existing, rules });
  }
  return { tables, opaque: document.opaque };
}

/** A chain's rules as lines. */
export function rulesIn(document: IptablesDocument, table: string, chain: string): string[] {
  return document.tables.get(table)?.chains.get(chain)?.rules.map(({ words }) => words.join(' ')) ?? [];
}
