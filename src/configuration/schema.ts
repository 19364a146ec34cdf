/**
 * What a value may be, in thirty lines: every command reads the settings, and loading a schema library for them would
 * be most of the time that `status` takes (zod is 95 files).
 */
export type Parsed<T> = { readonly accepted: T } | { /** Completes "Expected `key` to be …". */ readonly expected: string };

export class Schema<T> {
  constructor(readonly parse: (value: unknown) => Parsed<T>) {}

  refine(accept: (value: T) => boolean, expected: string): Schema<T> {
    return new Schema((value) => {
      const parsed = this.parse(value);
      return 'expected' in parsed || accept(parsed.accepted) ? parsed : { expected };
    });
  }

  transform<U>(convert: (value: T) => U): Schema<U> {
    return new Schema((value) => {
      const parsed = this.parse(value);
      return 'expected' in parsed ? parsed : { accepted: convert(parsed.accepted) };
    });
  }
}

export function text(expected: string, accept: (value: string) => boolean = () => true): Schema<string> {
  return new Schema((value) => (typeof value === 'string' && accept(value) ? { accepted: value } : { expected }));
}

export function oneOf<const Word extends string>(words: readonly Word[]): Schema<Word> {
  return new Schema((value) => {
    const word = words.find((candidate) => candidate === value);
    return word === undefined ? { expected: `one of ${words.join(', ')}` } : { accepted: word };
  });
}

/** A YAML list of strings, or one string with commas from a flag or the environment. Words are trimmed, empty ones dropped. */
export function textList(expected: string): Schema<readonly string[]> {
  return new Schema((value) => {
    const words: unknown = typeof value === 'string' ? value.split(',') : value;
    if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) return { expected };
    return { accepted: words.map((word) => word.trim()).filter((word) => word !== '') };
  });
}
