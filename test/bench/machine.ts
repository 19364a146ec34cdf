/** The lab that is measured in: brought up in the shape that a part needs, and described. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readVersion } from '../../src/version.js';
import { attempt, lab } from '../e2e/support/lab.js';
import { projectFolder } from '../support/project.js';
import type { Machine } from './report.js';

/** `swarm`: three nodes with dockerd. `bare`: no dockerd anywhere. */
export type Shape = 'swarm' | 'bare';

const flags: Readonly<Record<Shape, readonly string[]>> = { swarm: ['--nodes', '3'], bare: ['--nodes', '1', '--no-docker'] };

/** A line of shell in the virtual machine's own namespaces. */
export function vm(script: string): Promise<string> {
  return lab(['vm', 'bash', '--norc', '-euo', 'pipefail', '-c', script]);
}

/** Ends what runs in another shape. Its progress goes to our standard error. */
export async function bringUp(shape: Shape): Promise<void> {
  await command(['down']);
  await command(['up', ...flags[shape]]);
}

export async function bringDown(): Promise<void> {
  await command(['down']);
}

/** The nodes of the lab that is up: h1, h2, … */
export async function nodesOfLab(): Promise<string[]> {
  return (await vm("grep -o 'h[1-9]$' /run/lab/hosts")).trim().split('\n');
}

export async function describeMachine(nodes: readonly string[]): Promise<Machine> {
  const [cores = '', memory = '', kernel = '', node = '', suite = ''] = (
    await vm("nproc; awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo; uname -r; /opt/node/bin/node --version; . /etc/os-release; echo $VERSION_CODENAME")
  ).trim().split('\n');
  const docker = await attempt(['exec', nodes[0] ?? 'h1', '/run/lab/bin/ask', '--timeout', '10', '--socket', '/run/docker.sock', '/version']);
  const state = join(projectFolder, '.lab/run', process.env.LAB_NAME ?? 'default');
  return {
    cores: Number(cores),
    memoryMiB: Number(memory),
    accelerator: readFileSync(join(state, 'accel'), 'utf8').trim() === 'kvm' ? 'kvm' : 'tcg',
    kernel,
    suite,
    docker: docker.code === 0 ? (JSON.parse(docker.stdout) as { readonly Version: string }).Version : null,
    routemesh: readVersion(),
    node: node.replace(/^v/, ''),
    nodes: nodes.length,
  };
}

/** bash's EPOCHREALTIME, `1764081659.123456`, in microseconds. */
export function fromEpochRealtime(text: string): number {
  return Math.round(Number(text.trim()) * 1e6);
}

async function command(words: readonly string[]): Promise<void> {
  const code = await new Promise<number | null>((resolve, reject) => {
    spawn(join(projectFolder, 'scripts/lab'), words, { stdio: ['ignore', 2, 2] }).on('error', reject).on('close', resolve);
  });
  if (code !== 0) throw new Error(`scripts/lab ${words.join(' ')} ended with ${code}`);
}
