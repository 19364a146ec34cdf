/** What routemesh logs to. The logger itself is in log-writer.ts, so that a command that does not log need not load one. */
export const logLevels = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof logLevels)[number];

/** `auto`: pretty on a terminal, JSON otherwise. */
export const logFormats = ['auto', 'pretty', 'json'] as const;
export type LogFormat = (typeof logFormats)[number];

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** What is known beside the message. An `Error` is printed with its message, and with its stack at level debug. */
export type LogFields = Readonly<Record<string, unknown>>;

/** What the rest of routemesh logs to; `silentLogger` stands in for it in tests. */
export interface Logger {
  /** A message that costs to make is given as a function: it is called only where the message is told. */
  debug(message: string | (() => string), fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLogger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
