/**
 * The controller's log. Always on standard error: standard output belongs to what a command answers.
 *
 * `pretty` is for eyes (one coloured line), `json` for machines (one object a line, as log shippers want it).
 */
import picocolors from 'picocolors';
import winston from 'winston';
import { wantsColours } from './colours.js';
import type { LogFields, Logger, LogLevel, LogOptions } from './log.js';
import { printable } from './printable.js';

/** The stream is standard error but in tests. */
export function createLogger(options: LogOptions, stream: NodeJS.WritableStream & { isTTY?: boolean } = process.stderr): Logger {
  const terminal = stream.isTTY === true;
  const pretty = options.format === 'pretty' || (options.format === 'auto' && terminal);
  const colours = picocolors.createColors(pretty && terminal && wantsColours(process.env));
  const line = winston.format.printf((entry) => {
    const { level, message, ...fields } = entry;
    const time = new Date();
    return pretty ? prettyLine(time, level, String(message), fields, colours) : jsonLine(time, level, String(message), fields);
  });
  const logger = winston.createLogger({
    level: options.level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: line,
    transports: [new winston.transports.Stream({ stream })],
  });
  // The fields go into an object of their own: winston glues a field named `message` to the message.
  const write = (level: LogLevel) => (message: string | (() => string), fields: LogFields = {}) => {
    if (!logger.isLevelEnabled(level)) return;
    logger.log({ ...fieldsOf(fields, options.level === 'debug'), level, message: typeof message === 'string' ? message : message() });
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** `14:03:07.120 info  Synchronised  changes=3 reason="service event"` */
export function prettyLine(time: Date, level: string, message: string, fields: LogFields, colours: ReturnType<typeof picocolors.createColors>): string {
  const paint = { error: colours.red, warn: colours.yellow, info: colours.cyan, debug: colours.dim }[level] ?? colours.dim;
  const clock = time.toISOString().slice(11, 23);
  const words = Object.entries(fields).map(([key, value]) => ` ${colours.dim(`${key}=`)}${prettyValue(value)}`);
  return `${colours.dim(clock)} ${paint(level.padEnd(5))} ${printable(message)}${words.length > 0 ? ' ' : ''}${words.join('')}`;
}

export function jsonLine(time: Date, level: string, message: string, fields: LogFields): string {
  return JSON.stringify({ time: time.toISOString(), level, message, ...fields });
}

/** Winston's own keys in an entry would be overwritten by fields of the same name; errors and maps have no JSON of their own. */
function fieldsOf(fields: LogFields, withStack: boolean): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const name = key === 'level' || key === 'message' || key === 'time' ? `${key}_` : key;
    result[name] = valueOf(value, withStack);
  }
  return result;
}

function valueOf(value: unknown, withStack: boolean): unknown {
  if (value instanceof Error) return withStack && value.stack !== undefined ? value.stack : value.message;
  if (value instanceof Map) return Object.fromEntries(value) as unknown;
  if (value instanceof Set) return [...value] as unknown;
  if (typeof value === 'bigint') return value.toString();
  return value;
}

function prettyValue(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@%+-]+$/.test(value) ? value : value.includes('\n    at ') ? `\n${printable(value, true)}` : JSON.stringify(value);
  return JSON.stringify(value) ?? String(value);
}
