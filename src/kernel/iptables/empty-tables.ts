/**
 * With the nft back end a table exists once somebody has used it, and the iptables commands never take it away again.
 * `cleanup` does, for tables that were not there before us, as long as nobody else has put anything into them.
 */
import { run, type NetworkNamespace } from '../../../native/index.js';
import type { IptablesDocument } from './document.js';

const timeoutMs = 10_000;

/** Tables of the names that hold nothing: no rules, no chains of anybody's, no policy but ACCEPT. */
export function emptyTables(document: IptablesDocument, names: readonly string[]): string[] {
  return names.filter((name) => {
    const table = document.tables.get(name);
    return table !== undefined && [...table.chains.values()].every(({ policy, rules }) => policy === 'ACCEPT' && rules.length === 0);
  });
}

/** True when the table went. A chain that is not empty after all keeps it (nft refuses); so does a host without nft(8). */
export async function deleteEmptyTable(namespace: NetworkNamespace, document: IptablesDocument, table: string): Promise<boolean> {
  const nft = async (...words: string[]): Promise<string> => (await run('nft', words, { namespace, timeoutMs })).stdout;
  for (const chain of document.tables.get(table)?.chains.keys() ?? []) {
    // iptables-save prints built-in chains that do not exist, too.
    await nft('delete', 'chain', 'ip', table, chain).catch(() => undefined);
  }
  try {
    const left = await nft('list', 'table', 'ip', table);
    if (!/^table ip \w+ \{\s*\}\s*$/.test(left)) return false;
    await nft('delete', 'table', 'ip', table);
    return true;
  } catch {
    return false;
  }
}
