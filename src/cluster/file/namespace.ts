/** Network namespaces as a file may name them: iproute2's names, or absolute paths. */
import { isAbsolute, join, normalize } from 'node:path';

export const namedNamespacesFolder = '/run/netns';

export const namespaceExpectation = `the name of a network namespace (as in ip netns add NAME) or an absolute path without ".."`;

export function isNamespace(text: string): boolean {
  // iproute2 takes any file name; these are the ones without surprises for people and shells.
  if (!isAbsolute(text)) return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/.test(text);
  return text.length <= 4095 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) && normalize(text) === text && !text.endsWith('/');
}

/** Absolute path of the namespace's file. */
export function namespacePath(namespace: string, folder = namedNamespacesFolder): string {
  return isAbsolute(namespace) ? namespace : join(folder, namespace);
}
