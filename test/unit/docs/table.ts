import { readFileSync } from 'node:fs';

/** The rows of a page's tables whose first cell is one word of code, cell by cell without the ticks. */
export function rowsOf(page: string): string[][] {
  const text = readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => /^\| `[A-Za-z_]+` \|/.test(line))
    .map((line) => line.slice(1, -1).split(' | ').map((cell) => cell.trim().replace(/^\| ?/, '')));
}

export function word(cell = ''): string {
  return cell.replaceAll('`', '').trim();
}
