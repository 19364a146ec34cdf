/** Numbers among a command's own flags. */
import { quoteForPeople } from '../cluster/condition.js';
import { ConfigurationError } from '../configuration/error.js';

export interface Range {
  readonly least: number;
  readonly most: number;
}

/** Seconds, also parts of them, as milliseconds. @throws {ConfigurationError} */
export function secondsOf(flag: string, text: string, { least, most }: Range): number {
  return Math.round(numberIn(flag, text, /^\d{1,7}(\.\d{1,3})?$/, `a number of seconds from ${least} to ${most}`, { least, most }) * 1000);
}

/** @throws {ConfigurationError} */
export function countOf(flag: string, text: string, range: Range): number {
  return numberIn(flag, text, /^\d{1,7}$/, `a whole number from ${range.least} to ${range.most}`, range);
}

function numberIn(flag: string, text: string, shape: RegExp, expected: string, { least, most }: Range): number {
  const number = Number(text);
  if (!shape.test(text) || number < least || number > most) throw new ConfigurationError([`Expected \`${flag}\` to be ${expected}, got ${quoteForPeople(text)}.`]);
  return number;
}
