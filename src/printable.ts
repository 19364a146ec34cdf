/** Makes a stranger's words (a label, a service's name) safe to print: they must not move the cursor or forge a line. */
export function printable(text: string, keepLines = false): string {
  const controls = keepLines ? /(?!\n)[\p{Cc}\p{Bidi_Control}]/gu : /[\p{Cc}\p{Bidi_Control}]/gu;
  return text.replace(controls, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
