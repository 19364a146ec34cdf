/**
 * Prometheus's text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
 *
 * INVARIANTS
 * - One HELP and one TYPE line for each metric that has a sample, its samples right behind them.
 * - No series twice, whatever the names in its labels are: two nodes may be called the same.
 */
import { catalogue, metricNames, type LabelsOf, type MetricName, type NamesOfType } from './catalogue.js';
import type { Histogram } from './histogram.js';

type Labels = Readonly<Record<string, string>>;

export class Exposition {
  /** Lines of each metric, by its series. */
  private readonly series = new Map<MetricName, Map<string, string>>();

  add<Name extends NamesOfType<'counter' | 'gauge'>>(name: Name, labels: LabelsOf<Name>, value: number | bigint): void {
    this.line(name, name, labels, value);
  }

  addHistogram<Name extends NamesOfType<'histogram'>>(name: Name, labels: LabelsOf<Name>, histogram: Histogram): void {
    for (const [bound, count] of histogram.cumulative()) this.line(name, `${name}_bucket`, { ...labels, le: String(bound) }, count);
    this.line(name, `${name}_bucket`, { ...labels, le: '+Inf' }, histogram.count);
    this.line(name, `${name}_sum`, labels, histogram.sum);
    this.line(name, `${name}_count`, labels, histogram.count);
  }

  text(): string {
    const blocks = metricNames.flatMap((name) => {
      const lines = this.series.get(name);
      return lines === undefined ? [] : [`# HELP ${name} ${escapeHelp(catalogue[name].help)}`, `# TYPE ${name} ${catalogue[name].type}`, ...lines.values()];
    });
    return `${blocks.join('\n')}\n`;
  }

  private line(metric: MetricName, name: string, labels: Labels, value: number | bigint): void {
    const series = `${name}${labelText(labels)}`;
    const lines = this.series.get(metric) ?? new Map<string, string>();
    this.series.set(metric, lines);
    if (!lines.has(series)) lines.set(series, `${series} ${value}`);
  }
}

function labelText(labels: Labels): string {
  const words = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return words.length === 0 ? '' : `{${words.join(',')}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
