/** Programs that are run: iptables-save and iptables-restore, of the back end that dockerd uses too. */
import { fail, ok, warn, type Finding } from './finding.js';
import type { Probes } from './probes.js';

export async function checkIptables({ run, readText }: Pick<Probes, 'run' | 'readText'>): Promise<Finding[]> {
  const findings: Finding[] = [];
  const backends = new Set<string>();
  for (const tool of ['iptables-save', 'iptables-restore']) {
    const version = await run(tool, ['--version']);
    if (version === null) {
      findings.push(fail(tool, 'not installed', 'Install iptables with the package manager (`apt install iptables`, `dnf install iptables-nft`, `apk add iptables`).'));
      continue;
    }
    const match = /v([\d.]+)(?: \((\w+)\))?/.exec(version.stdout);
    const backend = match?.[2] ?? 'legacy';
    backends.add(backend);
    findings.push(ok(tool, `${match?.[1] ?? 'of unknown version'}, back end ${backend}`));
  }
  if (backends.size > 1) {
    findings.push(fail('iptables back end', 'iptables-save and iptables-restore are of different back ends', 'Choose one for both: `update-alternatives --config iptables`.'));
  } else if (backends.size === 1) {
    findings.push(await checkOtherBackend(backends.has('nf_tables'), readText));
  }
  return findings;
}

/** Only looked at in /proc: asking the other back end's tools would create its tables. */
async function checkOtherBackend(isNftables: boolean, readText: Probes['readText']): Promise<Finding> {
  const check = 'iptables back end';
  const legacyTables = ((await readText('/proc/net/ip_tables_names')) ?? '').split('\n').filter((name) => name !== '');
  if (isNftables && legacyTables.length > 0) {
    return warn(check, `nf_tables, but legacy tables are in use as well (${legacyTables.join(', ')}): packets meet both`, 'Choose for all programs of this host what dockerd uses: `update-alternatives --config iptables`, then restart the host.');
  }
  return ok(check, isNftables ? 'nf_tables, and no legacy tables beside it' : 'legacy');
}

/** Optional tools: nothing needs them, but people look at the mesh with them. */
export async function checkViewers({ run }: Pick<Probes, 'run'>): Promise<Finding[]> {
  const viewers = [
    { tool: 'ip', parameters: ['-V'] },
    { tool: 'ipvsadm', parameters: ['--version'] },
    { tool: 'ipset', parameters: ['--version'] },
    { tool: 'conntrack', parameters: ['--version'] },
  ];
  const found = await Promise.all(viewers.map(async ({ tool, parameters }) => ((await run(tool, parameters).catch(() => null)) === null ? null : tool)));
  const missing = viewers.map(({ tool }) => tool).filter((tool) => !found.includes(tool));
  return [ok('tools for looking', missing.length === 0 ? `${viewers.map(({ tool }) => tool).join(', ')} are there` : `not installed, and not needed: ${missing.join(', ')}`)];
}
