/** Throw-away network namespaces, and the tools whose word counts: ip, bridge, ipvsadm. */

import { execFileSync } from 'node:child_process';

import { createNamedNamespace, deleteNamedNamespace, NetworkNamespace } from '../../../native/netns.js';

/** A fresh namespace named rmtest-NAME; what a crashed run left of it is removed first. */
export function freshNamespace(name: string): NetworkNamespace {
  deleteNamedNamespace(`rmtest-${name}`);
  createNamedNamespace(`rmtest-${name}`);
  return NetworkNamespace.named(`rmtest-${name}`);
}

export function discard(...namespaces: readonly NetworkNamespace[]): void {
  for (const namespace of namespaces) {
    namespace.close();
    deleteNamedNamespace(namespace.label);
  }
}

/** Runs a tool, in a namespace by the kernel's own means and not by ours. Gives its output, or throws with its stderr. */
export function tool(namespace: NetworkNamespace, command: string, ...words: readonly string[]): string {
  return execFileSync('nsenter', [`--net=/run/netns/${namespace.label}`, command, ...words], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a tool that prints JSON: `json(ns, 'ip -j link show v0')`. */
export function json(namespace: NetworkNamespace, line: string): Record<string, unknown>[] {
  const [command = '', ...words] = line.split(' ');
  return JSON.parse(tool(namespace, command, ...words) || '[]') as Record<string, unknown>[];
}

/** Runs several lines of one tool at once: `ip -batch -`. */
export function batch(namespace: NetworkNamespace, command: 'ip' | 'bridge', lines: readonly string[]): void {
  execFileSync('nsenter', [`--net=/run/netns/${namespace.label}`, command, '-batch', '-'], { input: lines.join('\n'), stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Waits until `isTrue`, or fails after a minute. */
export async function eventually(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error('it did not happen within a minute');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
