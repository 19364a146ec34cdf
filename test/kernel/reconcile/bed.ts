/** Throw-away namespaces that stand in for a host and its tasks, and the plan of a small cluster for them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';

import { initialise, NetworkNamespace } from '../../../native/index.js';
import type { ClusterState } from '../../../src/cluster/state.js';
import type { Change } from '../../../src/kernel/change.js';
import { Engine } from '../../../src/kernel/engine.js';
import type { MachineOptions } from '../../../src/kernel/machine.js';
import type { NodePlan } from '../../../src/plan/node-plan.js';
import { plan } from '../../../src/plan/plan.js';
import { defaultSettings } from '../../../src/settings.js';
import { cluster, contextFor, port, service, task } from '../../unit/plan/fixtures.js';

export const names = { ...defaultSettings.names, sandbox: 'rmtest_sbox', fabric: 'rmtest_fabric' };
export const host = 'rmtest_host';
export const taskNamespaces = ['rmtest_task1', 'rmtest_task2'] as const;
const all = [host, ...taskNamespaces];

export function sh(namespace: string, ...words: string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${namespace}`, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function ip(...words: string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Kernels without IPVS (a developer's sandbox) run all but IPVS's part; the lab's runs everything. */
export const hasIpvs = works('ipvsadm', '-Ln');
/** Without nft(8) nobody can take an empty table away. */
export const hasNft = works('nft', '--version');

function works(command: string, ...words: string[]): boolean {
  try {
    execFileSync(command, words, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export class Bed {
  readonly settings = { ...defaultSettings, names, stateFolder: mkdtempSync(join(tmpdir(), 'routemesh-')) };
  readonly options: MachineOptions & { host: NetworkNamespace };

  private constructor(hostNamespace: NetworkNamespace) {
    this.options = { settings: this.settings, host: hostNamespace };
  }

  static async make(): Promise<Bed> {
    await initialise();
    discard();
    for (const name of all) ip('netns', 'add', name);
    furnish(host, 'ens1', '192.168.56.11/24');
    taskNamespaces.forEach((name, index) => furnish(name, 'eth0', `10.0.0.${index + 5}/24`));
    return new Bed(NetworkNamespace.named(host));
  }

  engine(): Promise<Engine> {
    return Engine.open(this.options);
  }

  /** web: 8080 → 80 on two local tasks; dns: 53/udp on the first. */
  plan(state: ClusterState = smallCluster()): NodePlan {
    const localTasks = new Map(state.tasks.map(({ id, identity }) => [id, { path: `/run/netns/${taskNamespaces[Number(identity.address.split('.')[3]) - 5] ?? ''}`, device: 'eth0' }]));
    const whole = plan(state, contextFor(state, { settings: this.settings, kernelRelease: release(), localTasks }));
    return hasIpvs ? whole : withoutIpvs(whole);
  }

  close(): void {
    this.options.host.close();
    discard();
    rmSync(this.settings.stateFolder, { recursive: true, force: true });
  }
}

/** One device with an address. A bridge is the plainest one that every kernel has; link-local IPv6 would come whenever it likes. */
export function furnish(namespace: string, device: string, address: string): void {
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
  ip('-n', namespace, 'link', 'add', 'name', device, 'type', 'bridge');
  ip('-n', namespace, 'link', 'set', device, 'addrgenmode', 'none');
  ip('-n', namespace, 'address', 'add', address, 'dev', device);
  ip('-n', namespace, 'link', 'set', device, 'up');
}

/** Does a host answer? That nobody listens is an answer (a reset); silence is none. */
export function answers(from: string, address: string): boolean {
  try {
    sh(from, 'timeout', '5', 'bash', '-c', `exec 3<>/dev/tcp/${address}/9`);
    return true;
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr).includes('Connection refused');
  }
}

export function smallCluster(): ClusterState {
  return cluster({
    services: [service('web', [port(8080, 80)]), service('dns', [port(53, 5353, { protocol: 'udp', publishedBy: 'label' })])],
    tasks: [task('web', 1), task('web', 2)],
  });
}

/** What a person would compare before the first run and after `cleanup`. */
export function dumps(): Record<string, string> {
  return Object.fromEntries(
    all.flatMap((name) => [
      [`${name} links`, sh(name, 'ip', '-d', 'link').replaceAll(/state \w+|_timer +[\d.]+/g, '')],
      [`${name} addresses`, sh(name, 'ip', '-o', '-4', 'address')],
      [`${name} rules`, sh(name, 'ip', 'rule')],
      [`${name} routes`, sh(name, 'ip', 'route', 'show', 'table', 'all')],
      [`${name} iptables`, sh(name, 'iptables-save').replaceAll(/^#.*\n/gm, '').replaceAll(/\[\d+:\d+\]/g, '[0:0]')],
      [`${name} forwarding`, sh(name, 'cat', '/proc/sys/net/ipv4/ip_forward')],
    ]),
  );
}

/** A counter tells of nothing when it moves: it is looked at until it has, for five seconds. */
export async function soon(expectation: () => void): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      expectation();
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export function told(changes: readonly Change[]): string[] {
  return changes.map(({ place, action, summary }) => `${place.replace(/^(task:.{4}).*/, '$1')}: ${action} ${summary}`);
}

export function withoutIpvs(whole: NodePlan): NodePlan {
  return {
    ...whole,
    places: whole.places.map((place) => ({ ...place, virtualServices: [], ipvsTimeouts: null, sysctls: place.sysctls.filter(({ path }) => !path.startsWith('net/ipv4/vs/')) })),
  };
}

function discard(): void {
  const there = ip('netns', 'list');
  for (const name of [names.sandbox, names.fabric, ...all]) {
    if (new RegExp(`^${name}\\b`, 'm').test(there)) ip('netns', 'delete', name);
  }
}
