/** A line plot as SVG, by hand: logarithmic axes, a line and its spread for each series. Pure. */
import type { Summary } from './statistics.js';
import { number } from './words.js';

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly summary: Summary }[];
}

export interface Plot {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly series: readonly Series[];
}

const size = { width: 720, height: 420 };
const frame = { left: 76, right: 150, top: 48, bottom: 56 };
/** Told apart by people who see no colours, too: by dash and marker. */
const styles = [
  { colour: '#0b6fb8', dash: 'none' },
  { colour: '#c2410c', dash: '7 4' },
  { colour: '#4d7c0f', dash: '2 4' },
  { colour: '#6b21a8', dash: '9 3 2 3' },
] as const;

interface Axis {
  place(value: number): number;
  readonly ticks: readonly number[];
}

export function svgOf({ title, xTitle, yTitle, series }: Plot): string {
  const points = series.flatMap(({ points: own }) => own);
  const x = logarithmic(points.map((point) => point.x), frame.left, size.width - frame.right);
  const y = logarithmic(points.flatMap(({ summary }) => [summary.lowest, summary.value, summary.highest]), size.height - frame.bottom, frame.top);
  const bottom = size.height - frame.bottom;
  const right = size.width - frame.right;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escaped(title)}" font-family="sans-serif" font-size="13" fill="#1f2937">`,
    `<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>`,
    `<text x="${frame.left}" y="26" font-size="16" font-weight="bold">${escaped(title)}</text>`,
    ...y.ticks.flatMap((tick) => [
      line(frame.left, y.place(tick), right, y.place(tick), '#e5e7eb'),
      `<text x="${frame.left - 8}" y="${fixed(y.place(tick) + 4)}" text-anchor="end">${number(tick).replace(/\.0+$/, '')}</text>`,
    ]),
    ...x.ticks.flatMap((tick) => [
      line(x.place(tick), bottom, x.place(tick), bottom + 5, '#6b7280'),
      `<text x="${fixed(x.place(tick))}" y="${bottom + 20}" text-anchor="middle">${number(tick).replace(/\.0+$/, '')}</text>`,
    ]),
    line(frame.left, bottom, right, bottom, '#6b7280'),
    `<text x="${(frame.left + right) / 2}" y="${size.height - 12}" text-anchor="middle">${escaped(xTitle)}</text>`,
    `<text transform="translate(18 ${(frame.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(yTitle)}</text>`,
    ...series.flatMap((one, index) => drawn(one, index, x, y)),
    ...labels(series, y, right),
    '</svg>',
    '',
  ].join('\n');
}

function drawn({ points }: Series, index: number, x: Axis, y: Axis): string[] {
  const { colour, dash } = styleOf(index);
  const way = points.map((point) => `${fixed(x.place(point.x))},${fixed(y.place(point.summary.value))}`).join(' ');
  return [
    `<polyline points="${way}" fill="none" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>`,
    ...points.flatMap((point) => [
      line(x.place(point.x), y.place(point.summary.lowest), x.place(point.x), y.place(point.summary.highest), colour),
      `<circle cx="${fixed(x.place(point.x))}" cy="${fixed(y.place(point.summary.value))}" r="4" fill="${colour}"/>`,
    ]),
  ];
}

/** At the ends of the lines, moved apart where they would cover each other. */
function labels(series: readonly Series[], y: Axis, right: number): string[] {
  const ends = series
    .map(({ name, points }, index) => ({ name, index, height: y.place(points.at(-1)?.summary.value ?? 1) }))
    .sort((one, other) => one.height - other.height);
  let lowest = -Infinity;
  return ends.map(({ name, index, height }) => {
    lowest = Math.max(height, lowest + 17);
    return `<text x="${right + 10}" y="${fixed(lowest + 4)}" fill="${styleOf(index).colour}">${escaped(name)}</text>`;
  });
}

function styleOf(index: number): (typeof styles)[number] {
  return styles[index % styles.length] ?? styles[0];
}

/** Values that are not positive have no place on a logarithmic axis: they stand at its lower end. */
function logarithmic(values: readonly number[], from: number, to: number): Axis {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive)) + 1e-9);
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive)) - 1e-9));
  return {
    place: (value) => from + ((Math.max(low, Math.log10(Math.max(value, Number.MIN_VALUE))) - low) / (high - low)) * (to - from),
    ticks: Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step)),
  };
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}" stroke="${colour}"/>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
