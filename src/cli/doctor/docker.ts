/** Docker: does it answer, is this node in a Swarm, and can it serve or follow the relay. */
import type { Settings } from '../../settings.js';
import { convertSwarmInfo } from '../../cluster/docker/swarm-info.js';
import { membershipOf } from '../../cluster/swarm/membership.js';
import { fail, ok, type Finding } from './finding.js';
import type { Probes } from './probes.js';
import { checkCertificates, checkRelay } from './relay.js';

/** Docker 19.03; older ones are not tried. */
const oldestApi = [1, 40] as const;

interface DockerVersion {
  readonly Version?: string;
  readonly ApiVersion?: string;
}

interface DockerInfo {
  readonly Swarm?: { readonly LocalNodeState?: string; readonly ControlAvailable?: boolean; readonly NodeID?: string; readonly Managers?: number; readonly Nodes?: number };
}

export async function checkDocker(probes: Pick<Probes, 'docker' | 'exists' | 'readable' | 'readText' | 'connectTcp'>, settings: Pick<Settings, 'source' | 'relay'>): Promise<Finding[]> {
  const { source } = settings;
  if (source.kind !== 'docker') {
    const there = await probes.readable(source.path);
    return [there ? ok('source', `the file ${source.path}; Docker is not asked`) : fail('source', `the file ${source.path} can't be read`, 'Write it, or give another with --cluster-file.')];
  }
  let version: DockerVersion;
  let info: DockerInfo;
  try {
    version = (await probes.docker(source.socket, '/version')) as DockerVersion;
    info = (await probes.docker(source.socket, '/info')) as DockerInfo;
  } catch (error) {
    return [fail('docker', `does not answer on ${source.socket}: ${(error as Error).message}`, await dockerRemedy(probes, source.socket))];
  }
  const membership = membershipOf(convertSwarmInfo(info));
  if (membership === null) return [checkVersion(version), ...checkSwarm(info)];
  const relay = await Promise.all([checkCertificates(probes, membership, settings), checkRelay(probes, membership, settings)]);
  return [checkVersion(version), ...checkSwarm(info), ...relay.flat()];
}

async function dockerRemedy({ exists }: Pick<Probes, 'exists'>, socket: string): Promise<string> {
  if (!(await exists(socket))) return `Start it (\`systemctl start docker\`), name its socket with --docker-socket (in a container, mount ${socket}), or describe the cluster in a file with --cluster-file.`;
  return 'See why with `systemctl status docker` and `journalctl -u docker`.';
}

function checkVersion({ Version = 'of unknown version', ApiVersion = '0' }: DockerVersion): Finding {
  const [major = 0, minor = 0] = ApiVersion.split('.').map(Number);
  const newEnough = major > oldestApi[0] || (major === oldestApi[0] && minor >= oldestApi[1]);
  const finding = `Docker ${Version}, API ${ApiVersion}`;
  return newEnough ? ok('docker', finding) : fail('docker', `${finding} is older than API ${oldestApi.join('.')}`, 'Install a newer Docker Engine.');
}

function checkSwarm({ Swarm: swarm }: DockerInfo): Finding[] {
  const state = swarm?.LocalNodeState ?? 'inactive';
  if (state === 'locked') return [fail('swarm', 'this node is locked', 'Unlock it: `docker swarm unlock`.')];
  if (state !== 'active') return [fail('swarm', `this node is in no Swarm (${state})`, 'Make one with `docker swarm init`, or join one with `docker swarm join`.')];
  if (swarm?.ControlAvailable !== true) return [ok('swarm', `active, a worker, node id ${swarm?.NodeID ?? '?'}`)];
  return [ok('swarm', `active, a manager of ${swarm.Managers ?? '?'} (${swarm.Nodes ?? '?'} nodes), node id ${swarm.NodeID ?? '?'}`)];
}
