/** `routemesh top`: connections, bytes and packets of each published port and real server as they flow, by IPVS's own counters. */
import { setTimeout as sleep } from 'node:timers/promises';
import { quoteForPeople } from '../cluster/condition.js';
import { ConfigurationError } from '../configuration/error.js';
import type { Settings } from '../settings.js';
import { exitCodes } from './exit-codes.js';
import { countOf, secondsOf } from './numbers.js';
import type { Output } from './output.js';
import { wrap } from './table.js';
import type { Key } from './terminal/keys.js';
import { runLive, type LivePage, type Size } from './terminal/live.js';
import { NothingProgrammedError, TopReader } from './top/reader.js';
import type { Sample } from './top/sample.js';
import { levels, linesOf, press, sortKeys, type TopState } from './top/state.js';
import { renderTop, roomFor } from './top/view.js';

export interface TopFlags {
  readonly json: boolean;
  readonly once: boolean;
  /** As they were typed; undefined: not at all. */
  readonly interval: string | undefined;
  readonly count: string | undefined;
  readonly sort: string | undefined;
  readonly per: string | undefined;
}

export async function runTop(settings: Settings, flags: TopFlags, output: Output): Promise<number> {
  const intervalMilliseconds = flags.interval === undefined ? 2_000 : secondsOf('--interval', flags.interval, { least: 0.2, most: 3_600 });
  const count = flags.once ? 1 : flags.count === undefined ? Infinity : countOf('--count', flags.count, { least: 1, most: 1_000_000 });
  const state: TopState = { sort: wordOf('--sort', flags.sort, sortKeys), per: wordOf('--per', flags.per, levels), offset: 0 };
  const reader = await TopReader.open(settings);
  try {
    if (output.columns !== null && !flags.json && !flags.once) await runLive(new TopPage(reader, state, output), { intervalMilliseconds, count });
    else await print(reader, state, { json: flags.json, intervalMilliseconds, count }, output);
    return exitCodes.fine;
  } finally {
    reader.close();
  }
}

/** One after another, for pipes and scripts. */
async function print(reader: TopReader, state: TopState, { json, intervalMilliseconds, count }: { json: boolean; intervalMilliseconds: number; count: number }, output: Output): Promise<void> {
  for (let printed = 0; printed < count; printed += 1) {
    if (printed > 0) {
      await sleep(intervalMilliseconds);
      if (!json) output.write('\n');
    }
    const sample = await reader.read();
    output.write(json ? `${JSON.stringify(sample)}\n` : renderTop(sample, state, output, null));
  }
}

class TopPage implements LivePage {
  private sample: Sample | string = '';
  private size: Size = { columns: 80, rows: 24 };

  constructor(private readonly reader: TopReader, private state: TopState, private readonly output: Output) {}

  /** A mesh that is not there yet, or no more, may come. */
  async refresh(): Promise<void> {
    this.sample = await this.reader.read().catch((error: unknown) => {
      if (error instanceof NothingProgrammedError) return error.message;
      throw error;
    });
  }

  render(size: Size): string {
    this.size = size;
    if (typeof this.sample === 'string') return `${wrap(this.sample, size.columns).join('\n')}\n\nq quit\n`;
    return renderTop(this.sample, this.state, this.view(), size.rows);
  }

  press(key: Key): void {
    if (typeof this.sample === 'string') return;
    this.state = press(this.state, key, linesOf(this.sample, this.state).length, roomFor(this.sample, this.view(), this.size.rows));
  }

  private view(): Pick<Output, 'columns' | 'colours'> {
    return { columns: this.size.columns, colours: this.output.colours };
  }
}

function wordOf<Word extends string>(flag: string, text: string | undefined, words: readonly [Word, ...Word[]]): Word {
  if (text === undefined) return words[0];
  const word = words.find((each) => each === text);
  if (word === undefined) throw new ConfigurationError([`Expected \`${flag}\` to be one of ${words.join(', ')}, got ${quoteForPeople(text)}.`]);
  return word;
}
