/** docs/performance.md and its plots, made of a report. Pure: the text before and the report in, the files' texts out. */
import { svgOf, type Plot, type Series } from './plot.js';
import { partNames, type Figure, type PartName, type Report } from './report.js';
import { markdownOf } from './tables.js';

const begin = (name: PartName): string => `<!-- figures of ${name}: made by scripts/bench docs -->`;
const end = '<!-- end of figures -->';

const plotFiles: Readonly<Partial<Record<PartName, string>>> = { publish: 'performance-publish.svg', 'data-path': 'performance-data-path.svg', scale: 'performance-scale.svg' };

/** Replaces what stands between the marks of each measured part; all else is a person's. */
export function withTables(text: string, report: Report): string {
  const plots = plotsOf(report);
  return partNames.reduce((page, name) => {
    const part = report.parts[name];
    const from = page.indexOf(begin(name));
    const to = page.indexOf(end, from);
    if (part === undefined) return page;
    if (from < 0 || to < 0) throw new Error(`docs/performance.md has no place for ${name}: expected the lines\n${begin(name)}\n${end}`);
    const file = plotFiles[name];
    const picture = file === undefined || plots[file] === undefined ? '' : `![The figures as a plot](images/${file})\n\n`;
    return `${page.slice(0, from)}${begin(name)}\n${picture}${markdownOf(part)}\n${page.slice(to)}`;
  }, text);
}

/** By file name. A plot of a part that was not measured is left as it is. */
export function plotsOf(report: Report): Readonly<Record<string, string>> {
  const figures = partNames.flatMap((name) => report.parts[name]?.figures ?? []);
  const plots: Readonly<Record<string, Plot>> = {
    'performance-publish.svg': {
      title: 'From service create until every port answers on every node',
      xTitle: 'published ports',
      yTitle: 'seconds (emulated)',
      series: compared(figures, 'every port answers on every node', 'ports'),
    },
    'performance-data-path.svg': {
      title: 'New connections, by the number of published ports',
      xTitle: 'published ports',
      yTitle: 'connections a second (emulated)',
      series: compared(figures, 'new connections', 'ports'),
    },
    'performance-scale.svg': {
      title: 'First sync, beside the same content by the kernel’s own tools',
      xTitle: 'published ports, 5 endpoints each, 3 nodes',
      yTitle: 'seconds (emulated)',
      series: compared(figures.filter(({ at }) => at.nodes === 3), 'first sync', 'ports'),
    },
  };
  return Object.fromEntries(Object.entries(plots).filter(([, { series }]) => series.some(({ points }) => points.length > 1)).map(([file, plot]) => [file, svgOf(plot)]));
}

/** Both sides of all figures whose name begins so. */
function compared(all: readonly Figure[], what: string, by: string): Series[] {
  const figures = all.filter((figure) => figure.what.startsWith(what) && figure.at.way !== 1);
  const reference = figures.find((figure) => figure.reference !== null)?.reference?.name;
  const series = (name: string, summaryOf: (figure: Figure) => Figure['routemesh'] | null): Series => ({
    name,
    points: figures.flatMap((figure) => {
      const summary = summaryOf(figure);
      const x = figure.at[by];
      return summary === null || x === undefined ? [] : [{ x, summary }];
    }),
  });
  return [series('routemesh', ({ routemesh }) => routemesh), ...(reference === undefined ? [] : [series(reference, (figure) => figure.reference)])];
}
