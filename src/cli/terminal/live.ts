/**
 * A page that is drawn again and again in place, until somebody ends it.
 *
 * INVARIANT: however it ends (a key, a signal, an error, the end of the process), the terminal is left as it was found.
 */
import { writeSync } from 'node:fs';
import { enterScreen, frame, leaveScreen } from './frame.js';
import { keysIn, type Key } from './keys.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface LivePage {
  /** Looks anew; what it rejects with ends everything. */
  refresh(): Promise<void>;
  render(size: Size): string;
  /** Not called with the keys that end it. */
  press(key: Key): void;
}

export interface LiveOptions {
  readonly intervalMilliseconds: number;
  /** How many times it is refreshed; Infinity: until it is ended. */
  readonly count: number;
}

export interface TerminalStreams {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream & { readonly fd: number };
}

const endingKeys: ReadonlySet<Key> = new Set(['q', 'Q', 'ctrl-c', 'ctrl-d']);
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Of a terminal that does not say. */
const usualSize: Size = { columns: 80, rows: 24 };

export async function runLive(page: LivePage, options: LiveOptions, { input, output }: TerminalStreams = { input: process.stdin, output: process.stdout }): Promise<void> {
  const ending = new AbortController();
  const end = (): void => { ending.abort(); };
  const draw = (): void => {
    const size = { columns: output.columns || usualSize.columns, rows: output.rows || usualSize.rows };
    output.write(frame(page.render(size), size.rows));
  };
  const onData = (bytes: Buffer): void => {
    for (const key of keysIn(bytes.toString('utf8'))) {
      if (endingKeys.has(key)) end();
      else page.press(key);
    }
    if (!ending.signal.aborted) draw();
  };

  await page.refresh();
  const restore = enter({ input, output }, onData);
  output.on('resize', draw);
  for (const signal of signals) process.on(signal, end);
  try {
    for (let refreshed = 1; ; refreshed += 1) {
      draw();
      if (refreshed >= options.count) return;
      await pause(options.intervalMilliseconds, ending.signal);
      if (ending.signal.aborted) return;
      await page.refresh();
    }
  } finally {
    for (const signal of signals) process.off(signal, end);
    output.off('resize', draw);
    restore();
  }
}

/** Gives what puts the terminal back; that is also done when the process ends. */
function enter({ input, output }: TerminalStreams, onData: (bytes: Buffer) => void): () => void {
  const hasKeys = input.isTTY;
  let isEntered = true;
  const restore = (): void => {
    if (!isEntered) return;
    isEntered = false;
    process.off('exit', restore);
    if (hasKeys) {
      input.off('data', onData);
      input.setRawMode(false);
      input.pause();
    }
    // At the process's end nothing asynchronous is written any more.
    try {
      writeSync(output.fd, leaveScreen);
    } catch {
      // The terminal is gone: there is nothing to put back.
    }
  };
  process.on('exit', restore);
  output.write(enterScreen);
  if (hasKeys) {
    input.setRawMode(true);
    input.on('data', onData);
    input.resume();
  }
  return restore;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}
