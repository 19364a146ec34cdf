/** Words that may be anybody's, made into lines that can be read, and into commands that can be pasted. */
import type { SeenPlace } from './observation.js';

/** `-s 10.0.0.0/8 -m comment --comment "our friends"`, as iptables-save prints it. */
export function ruleText(words: readonly string[]): string {
  return words.map((word) => (/^[^\s"'\\]+$/.test(word) ? word : `"${word.replaceAll(/["'\\]/g, '\\$&')}"`)).join(' ');
}

/** For a POSIX shell: a word that is more than letters, digits and a few signs is quoted. */
export function command(place: Pick<SeenPlace, 'enter'>, ...words: readonly string[]): string {
  return [...place.enter, ...words].map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
