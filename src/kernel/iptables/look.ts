/** iptables for a look: with counters, and with what iptables-save says that it does not show. */
import { run, type NetworkNamespace } from '../../../native/index.js';
import { parseIptablesSave, type IptablesDocument } from './document.js';

const timeoutMs = 20_000;

export interface IptablesLook {
  readonly document: IptablesDocument;
  /** Rules that are there and not in the document, one line each. */
  readonly unseen: readonly string[];
}

/** Never with -t: with the nft back end that would make the table. */
export async function lookAtIptables(namespace: NetworkNamespace): Promise<IptablesLook> {
  const { stdout, stderr } = await run('iptables-save', ['-c'], { namespace, timeoutMs });
  return { document: parseIptablesSave(stdout), unseen: unseenIn(`${stdout}\n${stderr}`) };
}

/**
 * iptables-save's own words for rules of the other back end (nft_check_xt_legacy() of iptables/nft-shared.c) and for
 * tables that nft(8) has written to in its own way (iptables/xtables-save.c).
 */
export function unseenIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => /^# (?:Warning: .*tables present|Table .* (?:is incompatible|contains incompatible))/.test(line))
    .map((line) => line.slice('# '.length).trimEnd());
}
