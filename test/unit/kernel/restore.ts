import type { IptablesDocument } from '../../../src/kernel/iptables/document.js';
import { linesOf, type TableEdit } from '../../../src/kernel/iptables/edit.js';
import { restored as restoredBy } from '../../../src/kernel/iptables/restored.js';

/** What the edits make of the document; a table that they make is born without chains. @throws Error where iptables-restore would not take them */
export function restored(document: IptablesDocument, edits: readonly TableEdit[]): IptablesDocument {
  const lines = linesOf(edits);
  const born = new Map(edits.map(({ table }) => [table as string, { name: table, chains: new Map() }]));
  const made = restoredBy({ ...document, tables: new Map([...born, ...document.tables]) }, lines);
  if (made === null) throw new Error(`iptables-restore would not take this:\n${lines.map(({ text }) => text).join('\n')}`);
  return made;
}

/** A chain's rules as lines. */
export function rulesIn(document: IptablesDocument, table: string, chain: string): string[] {
  return document.tables.get(table)?.chains.get(chain)?.rules.map(({ words }) => words.join(' ')) ?? [];
}
