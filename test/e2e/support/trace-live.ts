/** Follows a connection with `routemesh trace --live` while the lab's client makes it. */
import type { Moment, Summary } from '../../../src/trace/live/moment.js';
import { shell } from './lab.js';

type Line = Moment | Summary | { readonly type: 'waiting'; readonly places: readonly string[] } | { readonly type: 'nobody' };

export interface Followed {
  readonly moments: readonly Moment[];
  readonly summary: Summary | undefined;
  readonly last: Line | undefined;
}

/** Follows the next connection to tcp/8080 of `node` while `request` is run on the client: it begins once somebody listens. */
export async function follow(node: string, request: string, ...words: readonly string[]): Promise<Followed> {
  const output = '/tmp/trace-live.json';
  await shell(node, `rm -f ${output}; setsid routemesh trace 8080 --live --json ${words.join(' ')} >${output} 2>&1 </dev/null & echo $! >/tmp/trace-live.pid; until grep -q waiting ${output} 2>/dev/null; do sleep 0.1; done`);
  const asked = shell('client', request);
  const text = await shell(node, `while kill -0 $(cat /tmp/trace-live.pid) 2>/dev/null; do sleep 0.2; done; cat ${output}`);
  await asked;
  const lines = text.trim().split('\n').map((line) => JSON.parse(line) as Line);
  return {
    moments: lines.filter((line): line is Moment => line.type !== 'summary' && line.type !== 'waiting' && line.type !== 'nobody'),
    summary: lines.find((line): line is Summary => line.type === 'summary'),
    last: lines.at(-1),
  };
}

/** Asks and never fails: what became of it is what is looked at. */
export function request(url: string, seconds = 10): string {
  return `curl -s --max-time ${seconds} '${url}' || true`;
}
