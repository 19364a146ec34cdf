import { expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { catalogue, metricNames } from '../../../src/metrics/catalogue.js';
import { rowsOf, word } from './table.js';

it('the page has every metric with its type and labels, and no other', () => {
  const documented = rowsOf('metrics.md').map(([name, type, , labels = '']) => ({ name: word(name), type, labels: [...labels.matchAll(/`([a-z_]+)`/g)].map(([, label]) => label) }));
  expect(documented).toEqual(metricNames.map((name) => ({ name, type: catalogue[name].type, labels: [...catalogue[name].labels] })));
});

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string }[];
}

const text = readFileSync(new URL('../../../packaging/grafana/routemesh.json', import.meta.url), 'utf8');
const dashboard = JSON.parse(text) as { readonly panels: readonly Panel[]; readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[] } };

/** Metrics that a query reads, a histogram by its own name. */
function metricsIn(query: string): string[] {
  const words = query.match(/\b(?:routemesh|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return words.map((name) => (name in catalogue ? name : name.replace(/_(bucket|sum|count)$/, '')));
}

it('the dashboard asks for metrics that there are, and for each of them', () => {
  const asked = new Set(metricsIn(text));
  expect([...asked].sort()).toEqual([...metricNames].sort());
});

it('the dashboard queries a histogram’s parts of histograms only, and labels that the metric has', () => {
  for (const { expr } of dashboard.panels.flatMap(({ targets }) => targets ?? [])) {
    for (const [name, , selector = ''] of expr.matchAll(/\b((?:routemesh|process|nodejs)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)) {
      const metric = metricsIn(name)[0] as keyof typeof catalogue;
      const used = [...selector.matchAll(/([a-z_]+)=~?"/g)].map(([, label]) => String(label));
      const known: readonly string[] = ['instance', 'job', ...catalogue[metric].labels];
      expect({ metric, unknown: used.filter((label) => !known.includes(label)) }).toEqual({ metric, unknown: [] });
      expect(/_(bucket|sum|count)(\{|$)/.test(name)).toBe(catalogue[metric].type === 'histogram');
    }
    for (const [, by = ''] of expr.matchAll(/by \(([^)]*)\)/g)) {
      const known = metricsIn(expr).flatMap((name): readonly string[] => catalogue[name as keyof typeof catalogue].labels);
      expect(by.split(', ').filter((label) => !['le', 'instance', ...known].includes(label))).toEqual([]);
    }
  }
});

it('the dashboard asks the source that its user chooses, and its panels do not overlap', () => {
  expect(dashboard.templating.list.map(({ name, type }) => `${name} ${type}`)).toContain('datasource datasource');
  const cells = new Set<string>();
  for (const { type, title, datasource, gridPos: { x, y, w, h } } of dashboard.panels) {
    if (type !== 'row') expect(datasource?.uid).toBe('${datasource}');
    expect(title).not.toBe('');
    for (let column = x; column < x + w; column += 1) {
      for (let line = y; line < y + h; line += 1) {
        expect(column).toBeLessThan(24);
        expect(cells.has(`${column} ${line}`)).toBe(false);
        cells.add(`${column} ${line}`);
      }
    }
  }
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
