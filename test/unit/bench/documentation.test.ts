import { describe, expect, it } from '@jest/globals';
import { plotsOf, withTables } from '../../bench/documentation.js';
import { emptyReport, figure, merge, type Figure, type PartReport, type Report } from '../../bench/report.js';
import { summarise } from '../../bench/statistics.js';
import { terminalLines } from '../../bench/tables.js';

const publishing = (ports: number, ours: number, theirs: number): Figure =>
  figure(
    { group: `${ports} ports`, what: 'every port answers on every node', unit: 's', better: 'lower', at: { ports } },
    summarise([ours, ours + 1, ours + 2]),
    { name: 'dockerd', ...summarise([theirs]) },
  );

const part = (figures: readonly Figure[]): PartReport => ({
  measuredAt: '2026-11-25T12:00:00.000Z',
  seconds: 600,
  small: false,
  rounds: 3,
  machine: { cores: 2, memoryMiB: 4096, accelerator: 'tcg', kernel: '6.1.0', suite: 'bookworm', docker: '20.10.24', routemesh: '0.1.0', node: '20.20.2', nodes: 3 },
  figures,
});

const report: Report = {
  format: 1,
  parts: {
    publish: part([publishing(1, 7, 8), publishing(100, 8, 81.6)]),
    rest: part([figure({ group: 'idle', what: 'memory', unit: 'MiB', better: 'lower' }, summarise([70]))]),
  },
};

describe('the tables of a benchmark', () => {
  it('tell on the terminal what was measured, its spread, the ratio, and on what machine', () => {
    const text = terminalLines(report).join('\n');
    expect(text).toContain('every port answers on every node  9.00 s (8.00–10.0)   81.6 s  9.07×');
    expect(text).toContain('software emulation: only ratios mean something');
    expect(text).toContain('Linux 6.1.0, Docker 20.10.24, routemesh 0.1.0, Node.js 20.20.2');
  });

  it('stand in the documentation between their marks, and nothing else of it is changed', () => {
    const page = '# Performance\n\nWords.\n\n<!-- figures of publish: made by scripts/bench docs -->\nold\n<!-- end of figures -->\n\nMore.\n\n<!-- figures of rest: made by scripts/bench docs -->\n<!-- end of figures -->\n';
    const made = withTables(page, report);
    expect(made).toContain('| 100 ports | routemesh | dockerd | ratio |\n| --- | ---: | ---: | ---: |\n| every port answers on every node | 9.00 s (8.00–10.0) | 81.6 s | 9.07× |');
    expect(made).toContain('| idle | routemesh |\n| --- | ---: |\n| memory | 70.0 MiB |');
    expect(made).not.toContain('old');
    expect(made).toContain('\n\nMore.\n\n');
    expect(withTables(made, report)).toBe(made);
  });

  it('are missed where the documentation has no place for them', () => {
    expect(() => withTables('# Performance\n', report)).toThrow('no place for publish');
    expect(withTables('# Performance\n', emptyReport)).toBe('# Performance\n');
  });
});

describe('the plots of a benchmark', () => {
  const plots = plotsOf(report);

  it('are made of what was measured, and of nothing else', () => {
    expect(Object.keys(plots)).toEqual(['performance-publish.svg']);
  });

  it('show both sides, named, inside of the picture', () => {
    const svg = plots['performance-publish.svg'] ?? '';
    expect(svg.match(/<polyline/g)).toHaveLength(2);
    expect(svg).toContain('>dockerd</text>');
    const coordinates = [...svg.matchAll(/(?:x|y|cx|cy|x1|x2|y1|y2)="([-\d.]+)"/g)].map(([, value]) => Number(value));
    expect(coordinates.every((value) => value >= 0 && value <= 720)).toBe(true);
  });
});

describe('reports of several runs', () => {
  it('keep what was not measured again', () => {
    const again = part([publishing(1, 6, 8)]);
    expect(merge(report, { format: 1, parts: { publish: again } }).parts).toEqual({ publish: again, rest: report.parts.rest });
  });
});
