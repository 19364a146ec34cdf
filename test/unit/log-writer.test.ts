import { describe, expect, it } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { wantsColours } from '../../src/colours.js';
import { createLogger } from '../../src/log-writer.js';
import type { LogOptions } from '../../src/log.js';

function logged(options: LogOptions, write: (logger: ReturnType<typeof createLogger>) => void): string {
  const stream = new PassThrough();
  write(createLogger(options, stream));
  return String(stream.read() ?? '');
}

describe('the log', () => {
  it('writes one JSON object a line, so that a log shipper can read it', () => {
    const text = logged({ level: 'info', format: 'auto' }, (logger) => {
      logger.info('Synchronised', { changes: 3, reason: 'poll' });
      logger.warn('Again', { error: new Error('no route') });
    });
    const lines = text.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual([
      { time: expect.any(String), level: 'info', message: 'Synchronised', changes: 3, reason: 'poll' },
      { time: expect.any(String), level: 'warn', message: 'Again', error: 'no route' },
    ]);
  });

  it('keeps quiet below its level, so that debug noise does not hide a warning', () => {
    expect(logged({ level: 'warn', format: 'json' }, (logger) => logger.info('chatter'))).toBe('');
  });

  it('does not let a field named message or level forge the entry', () => {
    const text = logged({ level: 'info', format: 'json' }, (logger) => logger.info('real', { message: 'forged', level: 'error' }));
    expect(JSON.parse(text)).toMatchObject({ level: 'info', message: 'real', message_: 'forged', level_: 'error' });
  });

  it("keeps a stranger's control characters out of the terminal", () => {
    const text = logged({ level: 'info', format: 'pretty' }, (logger) => logger.info('bad \u001b[2J\nname', { label: 'a\nb' }));
    expect(text).not.toContain('\u001b');
    expect(text.trimEnd().split('\n')).toHaveLength(1);
    expect(text).toContain('label="a\\nb"');
  });

  it('honours NO_COLOR, so that people who asked for plain text get it', () => {
    expect(wantsColours({ NO_COLOR: '1' })).toBe(false);
    expect(wantsColours({ NO_COLOR: '' })).toBe(true);
  });
});
