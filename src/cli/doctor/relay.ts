/** The relay between nodes: this node's certificate, and the ways to the managers. */
import { parseCredentials, swarmCertificates } from '../../cluster/relay/certificates.js';
import type { SwarmMembership } from '../../cluster/swarm/membership.js';
import { vxlan } from '../../plan/devices.js';
import type { Settings } from '../../settings.js';
import { fail, ok, warn, type Finding } from './finding.js';
import type { Probes } from './probes.js';

const day = 86_400_000;
/** Swarm renews a certificate in the second half of its time: one that is nearly over was not renewed. */
const soon = 3 * day;

export async function checkCertificates(
  { readText }: Pick<Probes, 'readText'>,
  membership: SwarmMembership,
  { relay }: Pick<Settings, 'relay'>,
  now = new Date(),
): Promise<Finding[]> {
  const check = 'certificate';
  const paths = relay.certificates ?? swarmCertificates(membership.dockerRoot);
  const [certificate, key, authority] = await Promise.all([readText(paths.certificate), readText(paths.key), readText(paths.authority)]);
  if (certificate === null || key === null || authority === null) {
    const missing = Object.values(paths).filter((_, index) => [certificate, key, authority][index] === null);
    return [fail(check, `${missing.join(', ')} can't be read: nodes prove by it who they are`, 'Run as root; in a container, mount the folder read-only.')];
  }
  try {
    const { nodeId, role, validTo } = parseCredentials({ certificate, key, authority }, paths);
    const until = validTo.toISOString().slice(0, 10);
    if (nodeId !== membership.nodeId) return [fail(check, `${paths.certificate} is of node ${nodeId}, and this one is ${membership.nodeId}`, 'Give this node its own certificate.')];
    if (validTo < now) return [fail(check, `${paths.certificate} has expired on ${until}`, remedyOfExpiry(relay))];
    if (role !== `swarm-${membership.role}` && membership.role === 'manager') {
      return [warn(check, `${paths.certificate} is a worker's, and this node is a manager: others do not follow it`, "Give it one with OU swarm-manager; Swarm's own comes by itself, a moment after a promotion.")];
    }
    if (validTo.getTime() - now.getTime() < soon) return [warn(check, `${paths.certificate} expires on ${until}`, remedyOfExpiry(relay))];
    return [ok(check, `${paths.certificate}, a ${role.slice('swarm-'.length)}'s, valid until ${until}`)];
  } catch (error) {
    return [fail(check, (error as Error).message, 'See docs/relay.md.')];
  }
}

function remedyOfExpiry({ certificates }: Settings['relay']): string {
  return certificates === null ? 'Swarm renews it where its managers can be reached: see `docker node ls` on a manager, and `docker swarm ca --rotate`.' : 'Give this node a new one.';
}

/** Workers need one manager; managers follow each other while their own Docker is away. */
export async function checkRelay({ connectTcp }: Pick<Probes, 'connectTcp'>, { role, nodeId, managers }: SwarmMembership, { relay: { port } }: Pick<Settings, 'relay'>): Promise<Finding[]> {
  const others = managers.filter((manager) => manager.nodeId !== nodeId);
  if (role === 'worker' && others.length === 0) return [fail('relay', 'Docker names no manager to follow', 'See Swarm.RemoteManagers in `docker info --format "{{json .Swarm}}"`.')];
  const findings = await Promise.all(
    others.map(async ({ host }) => {
      const code = await connectTcp(host, port);
      return code === null
        ? ok('relay', `the manager on ${host} listens on tcp/${port}`)
        : warn('relay', `the manager on ${host} can't be reached on tcp/${port} (${code})`, `Start routemesh there, and let tcp/${port} and udp/${vxlan.port} pass between all nodes.`);
    }),
  );
  if (role === 'manager' || findings.some(({ outcome }) => outcome === 'ok')) return findings;
  return [...findings, fail('relay', 'no manager can be reached: this node serves what it knew last', 'Make one of the ways above work.')];
}
