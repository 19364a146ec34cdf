/**
 * How many columns of a terminal a text takes: East Asian wide characters and emoji take two, what joins the character
 * before it takes none. As Unicode's East Asian Width (UAX #11) has it, by its blocks.
 */
const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** First and last code point of blocks whose characters are wide. */
const wideBlocks: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f], [0x2e80, 0x303e], [0x3041, 0xa4cf], [0xa960, 0xa97f], [0xac00, 0xd7a3], [0xf900, 0xfaff], [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f], [0xff00, 0xff60], [0xffe0, 0xffe6], [0x1f300, 0x1f64f], [0x1f680, 0x1f6ff], [0x1f900, 0x1faff], [0x20000, 0x3fffd],
];

const plain = /^[\x20-\x7e]*$/;

export function widthOf(text: string): number {
  if (plain.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += widthOfCharacter(segment);
  return width;
}

/** The text where it fits, else its beginning with `…`. */
export function cutTo(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let cut = '';
  let taken = 0;
  for (const { segment } of segmenter.segment(text)) {
    taken += widthOfCharacter(segment);
    if (taken > width - 1) break;
    cut += segment;
  }
  return `${cut}…`;
}

/** Exactly so wide: cut, or filled with blanks. */
export function padTo(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const cut = cutTo(text, width);
  const blanks = ' '.repeat(Math.max(0, width - widthOf(cut)));
  return align === 'right' ? `${blanks}${cut}` : `${cut}${blanks}`;
}

/** Of one grapheme: a family of emoji is one, of two columns. */
function widthOfCharacter(grapheme: string): number {
  const point = grapheme.codePointAt(0) ?? 0;
  if (/^[\p{Mn}\p{Me}\p{Cf}]/u.test(grapheme)) return 0;
  if (wideBlocks.some(([first, last]) => point >= first && point <= last)) return 2;
  return /^\p{Emoji_Presentation}/u.test(grapheme) || grapheme.includes('\ufe0f') ? 2 : 1;
}
