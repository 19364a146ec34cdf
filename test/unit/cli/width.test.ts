import { describe, expect, it } from '@jest/globals';
import { tableLines } from '../../../src/cli/table.js';
import { cutTo, padTo, widthOf } from '../../../src/cli/width.js';

describe('how wide a text is', () => {
  it.each([
    ['web', 3], ['ウェブ', 6], ['网页', 4], ['한국', 4], ['Ｆｕｌｌ', 8], ['🚀', 2], ['👩‍👩‍👧', 2], ['❤️', 2], ['e\u0301', 1], ['…', 1], ['größe', 5], ['', 0],
  ])('%s', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  it('a wide character is never cut in half', () => {
    expect(cutTo('网页服务', 6)).toBe('网页…');
    expect(cutTo('网页服务', 8)).toBe('网页服务');
    expect(padTo('网页服务', 6)).toBe('网页… ');
    expect(padTo('🚀', 4, 'right')).toBe('  🚀');
  });

  it('columns stay under each other whatever the names are made of', () => {
    const lines = tableLines([{ title: 'NAME', cell: (row: string) => row }, { title: 'END', cell: () => '|' }], ['网页服务', 'web', '🚀.1'], null, (text) => text);
    expect(new Set(lines.slice(1).map((line) => widthOf(line))).size).toBe(1);
  });
});
