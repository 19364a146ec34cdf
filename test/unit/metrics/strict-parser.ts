/**
 * Prometheus's text format read as strictly as its grammar allows, with what `promtool check metrics` complains about:
 * a metric without HELP or TYPE, samples apart from them, a series twice, a counter that is not called so, a histogram
 * that does not add up.
 */
export interface Family {
  readonly type: string;
  readonly help: string;
  /** By the series as it stands: `name{label="value"}`. */
  readonly samples: Map<string, number>;
}

const helpLine = /^# HELP ([a-z_][a-z0-9_]*) (\S.*)$/;
const typeLine = /^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram)$/;
const sampleLine = /^([a-z_][a-z0-9_]*)(\{(?:[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,(?!\})|(?=\})))+\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]\d+)?))$/;

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  let current: [string, Family] | undefined;
  let help: [string, string] | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    const [helped, typed, sampled] = [helpLine.exec(line), typeLine.exec(line), sampleLine.exec(line)];
    if (helped !== null) help = [String(helped[1]), String(helped[2])];
    else if (typed !== null) {
      const [, name = '', type = ''] = typed;
      if (help?.[0] !== name) throw new Error(`no HELP before the TYPE of ${name}`);
      if (families.has(name)) throw new Error(`${name} is told in two places`);
      if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}: only counters end with _total`);
      if (/_(milliseconds|ms|kilobytes|percent)(_|$)/.test(name)) throw new Error(`${name} is not in base units`);
      current = [name, { type, help: help[1], samples: new Map() }];
      families.set(...current);
    } else if (sampled !== null) {
      const [, name = '', labels = '', value = ''] = sampled;
      if (current === undefined) throw new Error(`a sample before any TYPE: ${line}`);
      const [family, { type, samples }] = current;
      if (name !== family && !(type === 'histogram' && [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name))) throw new Error(`${name} is no sample of ${family}`);
      if (samples.has(name + labels)) throw new Error(`the series ${name}${labels} is there twice`);
      samples.set(name + labels, Number(value));
    } else throw new Error(`not of the format: ${JSON.stringify(line)}`);
  }
  for (const [name, { type, samples }] of families) {
    if (samples.size === 0) throw new Error(`${name} has no sample`);
    if (type === 'histogram') checkHistogram(name, samples);
  }
  return families;
}

function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  let last = 0;
  for (const [series, value] of samples) {
    if (!series.startsWith(`${name}_bucket`)) continue;
    if (value < last) throw new Error(`${series} is less than the bucket before it`);
    last = series.includes('le="+Inf"') ? 0 : value;
    if (series.includes('le="+Inf"')) {
      const count = series.replace('_bucket', '_count').replace(/,?le="\+Inf"/, '').replace('{}', '');
      if (samples.get(count) !== value) throw new Error(`${series} is not ${count}`);
    }
  }
}
