/** `routemesh trace PORT --live`: one real connection, followed through this node as it passes. Changes nothing. */
import { ConfigurationError } from '../configuration/error.js';
import { duration } from '../configuration/values.js';
import { portKey } from '../plan/fwmark.js';
import type { Settings } from '../settings.js';
import { follow, type FollowRequest } from '../trace/live/follow.js';
import { renderMoment, renderSummary } from '../trace/live/view.js';
import { exitCodes } from './exit-codes.js';
import type { Output } from './output.js';
import { span } from './time.js';

interface LiveFlags {
  readonly json: boolean;
  /** `60s`. */
  readonly timeout: string | undefined;
}

export async function runLiveTrace(settings: Settings, request: FollowRequest, { json, timeout = '60s' }: LiveFlags, output: Output): Promise<number> {
  const parsed = duration.parse(timeout);
  if ('expected' in parsed) throw new ConfigurationError([`Expected \`--timeout\` to be ${parsed.expected}, got ${JSON.stringify(timeout)}.`]);
  const timeoutMilliseconds = parsed.accepted;
  const interruption = new AbortController();
  const interrupt = (): void => { interruption.abort(); };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const teller = json ? tellPrograms(request, timeoutMilliseconds, output) : tellPeople(request, timeoutMilliseconds, output);
  const summary = await follow(settings, request, { timeoutMilliseconds, signal: interruption.signal, ...teller });
  teller.end(summary, interruption.signal.aborted);
  return summary !== null && summary.loss === null ? exitCodes.fine : exitCodes.failed;
}

type Following = Parameters<typeof follow>[2];

interface Teller extends Pick<Following, 'waiting' | 'tell'> {
  end(summary: Awaited<ReturnType<typeof follow>>, isInterrupted: boolean): void;
}

/** One JSON object a line. */
function tellPrograms({ protocol, port, client }: FollowRequest, timeoutMilliseconds: number, output: Output): Teller {
  const line = (value: unknown): void => { output.write(`${JSON.stringify(value)}\n`); };
  let hasBegun = false;
  return {
    waiting: (places) => {
      if (!hasBegun) line({ type: 'waiting', protocol, port, client, timeoutMilliseconds, places });
      hasBegun = true;
    },
    tell: line,
    end: (summary) => { line(summary ?? { type: 'nobody' }); },
  };
}

/** On a terminal a line counts down until somebody comes. */
function tellPeople({ protocol, port, client }: FollowRequest, timeoutMilliseconds: number, output: Output): Teller {
  const key = portKey(protocol, port);
  const whose = client === null ? '' : ` from ${client}`;
  let [hasBegun, countdown] = [false, ''];
  const clearLine = (): void => {
    if (countdown !== '') output.write(`\r${' '.repeat(countdown.length)}\r`);
    countdown = '';
  };
  return {
    waiting: (places, left) => {
      if (!hasBegun) output.write(`Waiting for a new connection to ${key}${whose}, ${span(timeoutMilliseconds)} at most; Ctrl-C ends it. Listening in ${places.join(', ')}.\n`);
      hasBegun = true;
      if (output.columns === null) return;
      const text = `${span(left)} left`;
      if (text === countdown) return;
      clearLine();
      output.write(text);
      countdown = text;
    },
    tell: (moment) => {
      clearLine();
      output.write(renderMoment(moment, output));
    },
    end: (summary, isInterrupted) => {
      clearLine();
      if (summary !== null) output.write(renderSummary(summary, output));
      else if (!isInterrupted) output.write(`No new connection to ${key}${whose} came. One that a firewall drops never becomes a connection: \`routemesh trace ${key}\` shows its way; connections that were open before are not followed.\n`);
    },
  };
}
