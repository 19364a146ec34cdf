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
  /** Lines of each metric, by the labels of their series. */
  private readonly lines = new Map<MetricName, Map<string, string>>();
  /** Several metrics have the same labels: their text is made once. */
  private readonly texts = new WeakMap<Labels, string>();

  add<Name extends NamesOfType<'counter' | 'gauge'>>(name: Name, labels: LabelsOf<Name>, value: number | bigint): void {
    const text = this.textOf(labels);
    const lines = this.linesOf(name);
    if (!lines.has(text)) lines.set(text, `${name}${text} ${value}`);
  }

  addHistogram<Name extends NamesOfType<'histogram'>>(name: Name, labels: LabelsOf<Name>, histogram: Histogram): void {
    const text = this.textOf(labels);
    const bucket = (bound: number | string, count: number) => `${name}_bucket${labelText({ ...labels, le: String(bound) })} ${count}`;
    const lines = [
      ...histogram.cumulative().map(([bound, count]) => bucket(bound, count)),
      bucket('+Inf', histogram.count),
      `${name}_sum${text} ${histogram.sum}`,
      `${name}_count${text} ${histogram.count}`,
    ];
    this.linesOf(name).set(text, lines.join('\n'));
  }

  text(): string {
    const blocks = metricNames.flatMap((name) => {
      const lines = this.lines.get(name);
      return lines === undefined ? [] : [`# HELP ${name} ${escapeHelp(catalogue[name].help)}`, `# TYPE ${name} ${catalogue[name].type}`, ...lines.values()];
    });
    return `${blocks.join('\n')}\n`;
  }

  private linesOf(name: MetricName): Map<string, string> {
    const lines = this.lines.get(name) ?? new Map<string, string>();
    this.lines.set(name, lines);
    return lines;
  }

  private textOf(labels: Labels): string {
    const known = this.texts.get(labels);
    if (known !== undefined) return known;
    const text = labelText(labels);
    this.texts.set(labels, text);
    return text;
  }
}

function labelText(labels: Labels): string {
  let words = '';
  for (const name in labels) words += `${words === '' ? '' : ','}${name}="${escapeLabel(labels[name] ?? '')}"`;
  return words === '' ? '' : `{${words}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return /[\\"\n]/.test(text) ? escapeHelp(text).replaceAll('"', '\\"') : text;
}
