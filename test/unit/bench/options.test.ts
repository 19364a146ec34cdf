import { describe, expect, it } from '@jest/globals';
import { help, readOptions, UsageError } from '../../bench/options.js';
import { partNames } from '../../bench/report.js';

describe('the command line of scripts/bench', () => {
  it('measures what was named, each once, in the order of the help', () => {
    expect(readOptions(['scale', 'publish', 'scale'])?.parts).toEqual(['publish', 'scale']);
    expect(readOptions(['all'])?.parts).toEqual(partNames);
  });

  it('measures for an hour unless it was told otherwise', () => {
    expect(readOptions(['rest'])).toEqual({ parts: ['rest'], small: false, docs: false, rounds: 3, minutes: 60, services: 50, ports: 10_000, json: null, lab: null });
    expect(readOptions(['rest', '--small'])).toMatchObject({ small: true, rounds: 1, services: 1, ports: 1 });
    expect(readOptions(['rest', '--minutes=5', '--services', '10', '--ports', '1000', '--rounds', '2', '--json', 'x.json', '--lab', 'test'])).toMatchObject({ minutes: 5, services: 10, ports: 1000, rounds: 2, json: 'x.json', lab: 'test' });
  });

  it('makes the documentation again without measuring', () => {
    expect(readOptions(['docs'])).toMatchObject({ parts: [], docs: true });
  });

  it.each([
    ['nothing', []],
    ['an unknown part', ['speed']],
    ['an unknown flag', ['all', '--fast']],
    ['no rounds', ['all', '--rounds', '0']],
    ['rounds that are no number', ['all', '--rounds', 'many']],
    ['a flag without its value', ['all', '--json']],
    ['documentation of the small form', ['all', '--small', '--docs']],
  ])('refuses %s instead of measuring something else for an hour', (_name, words) => {
    expect(() => readOptions(words)).toThrow(UsageError);
  });

  it('tells every part and every flag in its help', () => {
    expect(readOptions(['--help'])).toBeNull();
    for (const word of [...partNames, 'all', 'docs', '--rounds', '--minutes', '--services', '--small', '--json', '--docs', '--lab']) expect(help).toContain(word);
  });
});
