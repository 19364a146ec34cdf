/** Who stands where in the host's FORWARD chain. */
import type { Settings } from '../../settings.js';
import { ok, warn, type Finding } from './finding.js';
import type { Probes } from './probes.js';

export interface ForwardChain {
  readonly policy: string;
  /** As iptables-save prints them, without `-A FORWARD `. */
  readonly rules: readonly string[];
}

/** Null where the filter table has no FORWARD chain (nothing used it yet). */
export function parseForwardChain(save: string): ForwardChain | null {
  const lines = save.split('\n');
  const policy = lines.map((line) => /^:FORWARD (\w+)/.exec(line)?.[1]).find((word) => word !== undefined);
  if (policy === undefined) return null;
  const prefix = '-A FORWARD ';
  return { policy, rules: lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length)) };
}

export async function checkForwardOrder({ run }: Pick<Probes, 'run'>, settings: Pick<Settings, 'names'>): Promise<Finding[]> {
  const check = 'FORWARD chain';
  const save = await run('iptables-save', ['-t', 'filter']);
  if (save?.exitCode !== 0) return [];
  const forward = parseForwardChain(save.stdout);
  if (forward === null) return [ok(check, 'empty')];
  const { rules } = forward;
  const user = rules.indexOf('-j DOCKER-USER');
  const ours = rules.indexOf(`-j ${settings.names.chain}`);
  const dockerd = rules.findIndex((rule) => /^-j DOCKER-(FORWARD|INGRESS)$/.test(rule));
  const order = [
    { name: 'DOCKER-USER', position: user },
    { name: settings.names.chain, position: ours },
    { name: rules[dockerd]?.slice(3) ?? '', position: dockerd },
  ].filter(({ position }) => position >= 0).sort((one, other) => one.position - other.position);
  const findings: Finding[] = [];

  if (ours >= 0 && ((user >= 0 && ours < user) || (dockerd >= 0 && dockerd < ours))) {
    findings.push(warn(check, `out of order: ${order.map(({ name }) => name).join(', ')}`, 'A running controller repairs this within seconds; see `routemesh status`.'));
  } else {
    findings.push(ok(check, order.length === 0 ? `policy ${forward.policy}, neither dockerd's chains nor ours` : `${order.map(({ name }) => name).join(', then ')}; policy ${forward.policy}`));
  }
  // Ours goes right behind DOCKER-USER: whatever stands before that is asked first.
  const before = rules.slice(0, ours >= 0 ? ours : Math.max(user, 0));
  const refusing = before.find((rule) => /-j (DROP|REJECT)\b/.test(rule));
  if (refusing !== undefined) {
    findings.push(warn(check, `a rule before ours refuses packets: ${refusing}`, 'Where it matches, published ports are shut: that is right when you mean it; otherwise move the rule to DOCKER-USER.'));
  }
  return findings;
}

/** Firewall managers write rules of their own after every reload. */
export async function checkFirewallManagers({ run }: Pick<Probes, 'run'>): Promise<Finding[]> {
  const save = await run('iptables-save', ['-t', 'filter']);
  if (save?.exitCode !== 0) return [];
  const managers = [
    { name: 'ufw', chain: 'ufw-before-forward' },
    { name: 'firewalld', chain: 'FORWARD_direct' },
    { name: 'kube-proxy', chain: 'KUBE-FORWARD' },
  ].filter(({ chain }) => save.stdout.includes(`\n:${chain} `));
  return managers.map(({ name }) => ok('firewall', `${name} is on this host; published ports pass by it as dockerd's do, and DOCKER-USER is the place to restrict them`));
}
