/** Columns of words, padded; what does not fit the terminal is left out by rank, then shortened. */
import { printable } from '../printable.js';
import { padTo, widthOf } from './width.js';

export interface Column<Row> {
  readonly title: string;
  cell(row: Row): string;
  readonly align?: 'left' | 'right';
  /** Columns of the highest rank go first on a narrow terminal; those without one always stay. */
  readonly rank?: number;
  paint?(text: string, row: Row): string;
}

const gap = '  ';
const narrowestCell = 8;

/** Lines without line ends, each indented by two, the title line first. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number | null, paintTitle: (text: string) => string): string[] {
  let measured = columns.map((column) => measure(column, rows));
  if (width !== null) measured = fit(measured, width);
  const line = (cells: readonly string[]): string => `${gap}${cells.join(gap)}`.trimEnd();
  const title = line(measured.map(({ column, width: cellWidth }) => paintTitle(padTo(column.title, cellWidth, column.align))));
  return [
    title,
    ...rows.map((row, index) =>
      line(
        measured.map(({ column, cells, width: cellWidth }, position) => {
          const text = padTo(cells[index] ?? '', cellWidth, column.align);
          const last = position === measured.length - 1;
          return column.paint?.(last ? text.trimEnd() : text, row) ?? text;
        }),
      ),
    ),
  ];
}

interface Measured<Row> {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  readonly width: number;
}

function measure<Row>(column: Column<Row>, rows: readonly Row[]): Measured<Row> {
  const cells = rows.map((row) => printable(column.cell(row)));
  return { column, cells, width: cells.reduce((widest, cell) => Math.max(widest, widthOf(cell)), column.title.length) };
}

function fit<Row>(columns: Measured<Row>[], width: number): Measured<Row>[] {
  const total = (): number => columns.reduce((sum, column) => sum + column.width + gap.length, 0);
  for (;;) {
    const excess = total() - width;
    if (excess <= 0) return columns;
    const ranked = columns.filter(({ column }) => column.rank !== undefined).sort((one, other) => (other.column.rank ?? 0) - (one.column.rank ?? 0));
    const dropped = ranked[0];
    if (dropped !== undefined) {
      columns = columns.filter((column) => column !== dropped);
      continue;
    }
    const widest = columns.reduce((one, other) => (other.width > one.width ? other : one));
    if (widest.width <= narrowestCell) return columns;
    const narrower = Math.max(narrowestCell, widest.width - excess);
    columns = columns.map((column) => (column === widest ? { ...column, width: narrower } : column));
  }
}

/** Words into lines of at most `width` characters; a longer word has a line of its own. */
export function wrap(text: string, width: number | null): string[] {
  const words = printable(text).split(' ');
  if (width === null) return [words.join(' ')];
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** The first line behind `lead`, the others below its end. `width`: of the terminal; null: none. */
export function hanging(lead: string, text: string, width: number | null, paint: (text: string) => string = (same) => same): string[] {
  return wrap(text, width === null ? null : Math.max(20, width - widthOf(lead))).map((line, index) => `${index === 0 ? lead : ' '.repeat(widthOf(lead))}${paint(line)}`);
}
