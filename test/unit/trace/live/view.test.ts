import { describe, expect, it } from '@jest/globals';
import { plainColours } from '../../../../src/cli/output.js';
import { renderMoment, renderSummary } from '../../../../src/trace/live/view.js';
import type { Moment, Summary } from '../../../../src/trace/live/moment.js';
import { all, Telling, whole } from './connection.js';

function told(moments: readonly Moment[], columns: number | null = null): string {
  return moments.map((moment) => renderMoment(moment, { columns, colours: plainColours })).join('');
}

const summary: Summary = {
  type: 'summary', protocol: 'tcp', client: '192.168.56.100:50000', node: '192.168.56.11:8080', peer: null, places: ['host'], realServer: null, task: null,
  ending: 'unanswered', endedBy: null, durationMilliseconds: 0, counters: null, text: '192.168.56.100:50000 → h1: never answered.',
  loss: { of: 'request', seenIn: 'host', why: 'lost', remedy: '`routemesh trace tcp/8080` shows why.' },
};

describe('a followed connection for people', () => {
  it('has a line for each thing that happens: when, where, the kernel’s word, and both directions where it appears', () => {
    expect(told(whole().moments).split('\n').slice(0, 5)).toEqual([
      '    +0 ms  host          SYN_SENT     192.168.56.100:50000 → 192.168.56.11:8080',
      '                                      back 172.30.0.2:8080 → 192.168.56.100:50000',
      '    +1 ms  mesh_sbox     SYN_SENT     192.168.56.100:50000 → 172.30.0.2:8080',
      '                                      back 10.0.0.5:80 → 192.168.56.100:50000',
      '    +2 ms  mesh_fabric   SYN_SENT     192.168.56.100:50000 → 10.0.0.5:80',
    ]);
    expect(told(whole().moments)).toContain('  web.1         FIN_WAIT     the task’s FIN came first\n');
  });

  it('shows zone and mark where a peer’s connection has them', () => {
    const { moments } = new Telling().hear('new', ['fabric'], { zoneThere: 14_348, mark: 14_348 });
    expect(told(moments)).toContain('192.168.56.100:50000 → 10.0.0.5:80 in zone 14348\n');
    expect(told(moments)).toContain(', mark 0x380c\n');
  });

  it('ends with the sentence, and with what would show why where something was lost', () => {
    expect(renderSummary(summary, { columns: null, colours: plainColours })).toBe('\n192.168.56.100:50000 → h1: never answered.\n  → `routemesh trace tcp/8080` shows why.\n');
  });

  it.each([80, 100, 140])('stays inside a terminal of %d columns', (columns) => {
    const telling = new Telling().hear('new', all, { zoneThere: 14_348 });
    for (const line of told([...whole().moments, ...telling.moments], columns).split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
  });
});
