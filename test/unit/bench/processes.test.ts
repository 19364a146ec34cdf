import { describe, expect, it } from '@jest/globals';
import { cpuBetween, parseProcess } from '../../bench/processes.js';

const output = (user: number, children: number) => `4711 (node (run) x) S 1 4711 4711 0 -1 4194560 9000 ${children} 0 0 ${user} 50 7 3 20 0 11 0 12345 1 2
VmHWM:\t  102400 kB
VmRSS:\t   51200 kB
RssAnon:\t   20480 kB
files 23
voluntary_ctxt_switches:\t100
voluntary_ctxt_switches:\t11
`;

describe("a process's facts", () => {
  it('are read from /proc whatever the program is called', () => {
    expect(parseProcess(output(200, 800))).toEqual({
      cpu: { user: 2, system: 0.5, children: 0.1 },
      childrenFaults: 800,
      residentMiB: 50,
      mostResidentMiB: 100,
      anonymousMiB: 20,
      openFiles: 23,
      voluntarySwitches: 111,
    });
  });

  it('are subtracted for what happened in between', () => {
    const { user, system, children, total } = cpuBetween(parseProcess(output(200, 800)), parseProcess(output(260, 800)));
    expect([user, system, children, total].map((seconds) => Number(seconds.toFixed(2)))).toEqual([0.6, 0, 0, 0.6]);
  });
});
