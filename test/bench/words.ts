/** Numbers as people read them. */
import type { Unit } from './report.js';
import type { Summary } from './statistics.js';

/** Three digits are all that a shared machine's figures are good for. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
  if (size >= 100 || value === 0) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return value.toFixed(2);
}

/** The measured value with its unit, and the spread of several: `8.31 s (8.05–9.12)`. */
export function measured({ value, lowest, highest, count }: Summary, unit: Unit): string {
  const spread = count > 1 ? ` (${number(lowest)}–${number(highest)})` : '';
  return `${number(value)}${unit === 'count' ? '' : unit === '%' || unit.startsWith('/') ? unit : ` ${unit}`}${spread}`;
}

export function ratio(value: number | null): string {
  return value === null ? '' : `${number(value)}×`;
}

/** `1 port`, `5,000 ports`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

export function duration(seconds: number): string {
  return seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
