/** Control sequences (ECMA-48, and xterm's private modes) by which a page is drawn over the one before. Pure. */

/** The terminal's second screen, no cursor, no wrapping: what was on the first comes back at the end. */
export const enterScreen = '\u001b[?1049h\u001b[?25l\u001b[?7l';
export const leaveScreen = '\u001b[?7h\u001b[?25h\u001b[?1049l';

/** In one write, and without clearing first: nothing flickers. What has no room is only counted, in the last row. */
export function frame(text: string, rows: number): string {
  const lines = text.replace(/\n$/, '').split('\n');
  const room = Math.max(0, rows - 1);
  const shown = lines.length <= Math.max(1, rows) ? lines : [...lines.slice(0, room), `… ${lines.length - room} more lines`];
  return `\u001b[H${shown.map((line) => `${line}\u001b[K`).join('\r\n')}\u001b[J`;
}
