/** Load from the lab's client, and what a user would have lost of it. */
import { background, shell } from './lab.js';

export interface LoadFailure {
  /** Milliseconds since 1970 by the lab's clock, at the failure's end. */
  readonly unix_ms: number;
  readonly at_s: number;
  readonly what: string;
  readonly stage: string;
  readonly error: string;
  readonly url: string;
}

export interface LoadReport {
  readonly requests: { readonly ok: number; readonly failed: number };
  readonly streams: { readonly opened: number; readonly cut: number; readonly failed: number; readonly ended: number };
  readonly failures: readonly LoadFailure[];
}

export interface LoadOptions {
  readonly urls: readonly string[];
  /** Requests at any time, each on a connection of its own. */
  readonly parallel: number;
  /** Milliseconds between two requests of each. */
  readonly pause: number;
  /** Long answers beside them. */
  readonly streams: number;
  /** How long each of them goes on; a minute when left out. */
  readonly streamSeconds?: number;
  /** Of a connection attempt or an answer, in milliseconds. */
  readonly timeout?: number;
}

export interface Load {
  /** Ends the load and gives its report. */
  finish(): Promise<LoadReport>;
}

/** New connections all the time, and some that stream; resolves once each of them has had an answer. */
export async function load(id: string, { urls, parallel, pause, streams, streamSeconds = 60, timeout = 5_000 }: LoadOptions): Promise<Load> {
  const words = urls.flatMap((url) => [`--url ${url}/who`, `--url '${url}/slow?ms=300'`, `--stream-url '${url}/stream?s=${streamSeconds}'`]).join(' ');
  const running = background(
    'client', 'bash', '-c',
    `exec /run/lab/bin/load ${words} --parallel ${parallel} --pause ${pause} --timeout ${timeout} --streams ${streams} --duration 600 --announce >/tmp/load-${id}.out & echo $! >/tmp/load-${id}.pid; wait`,
  );
  await shell('client', `until grep -q loading /tmp/load-${id}.out 2>/dev/null; do sleep 0.1; done`);
  return {
    finish: async () => {
      await shell('client', `kill -TERM $(cat /tmp/load-${id}.pid)`);
      await running.output;
      return JSON.parse(await shell('client', `grep -v loading /tmp/load-${id}.out; rm /tmp/load-${id}.out`)) as LoadReport;
    },
  };
}

/** Load while some work goes on; it ends with the work, also with one that fails: it would weigh on what is tried next. */
export async function underLoad(id: string, options: LoadOptions, work: () => Promise<unknown>): Promise<LoadReport> {
  const running = await load(id, options);
  let report: LoadReport | undefined;
  try {
    await work();
  } finally {
    report = await running.finish();
  }
  return report;
}

/** What a user would have lost. */
export function losses({ requests, streams }: LoadReport) {
  return { failedRequests: requests.failed, cutStreams: streams.cut, failedStreams: streams.failed };
}

export const nothingLost = { failedRequests: 0, cutStreams: 0, failedStreams: 0 };
