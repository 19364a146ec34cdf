/** What a value parser answers. `expected` completes the sentence "expected …, got …". */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly expected: string };

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function refused(expected: string): { readonly ok: false; readonly expected: string } {
  return { ok: false, expected };
}

/** A comma-separated list of at least one element; spaces around the commas are fine, empty elements are not. */
export function parseList<T>(text: string, parseElement: (element: string) => Parsed<T>, longest = 256): Parsed<readonly T[]> {
  const elements = splitList(text);
  if (elements.length > longest) return refused(`a list of at most ${longest} elements`);
  const values: T[] = [];
  for (const element of elements) {
    const result = parseElement(element);
    if (!result.ok) return result;
    values.push(result.value);
  }
  return parsed(values);
}

/** Only spaces are taken away: a newline or a tab in a label is a mistake worth telling. */
export function splitList(text: string): string[] {
  return text.split(',').map((element) => element.replace(/^ +| +$/g, ''));
}
