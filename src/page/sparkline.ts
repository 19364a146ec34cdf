/** A rate's last minute as a line. */
import { setAttribute, svgElement } from './element.js';

/** SVG path of the samples, the newest at the right edge; empty for a rate that has been nothing. Pure. */
export function sparkPath(samples: readonly number[], width: number, height: number, length = 60): string {
  const highest = Math.max(...samples, 0);
  if (highest === 0 || samples.length < 2) return '';
  const step = width / (length - 1);
  const all = [...Array.from({ length: Math.max(0, length - samples.length) }, () => 0), ...samples];
  return all.map((sample, index) => `${index === 0 ? 'M' : 'L'}${(index * step).toFixed(1)} ${(height - 1 - (sample / highest) * (height - 2)).toFixed(1)}`).join('');
}

export class Sparkline {
  readonly element: SVGSVGElement;
  private readonly line = svgElement('path', { class: 'spark-line' });

  constructor(private readonly width: number, private readonly height: number) {
    this.element = svgElement('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, width: String(width), height: String(height), 'aria-hidden': 'true' }, this.line);
  }

  show(samples: readonly number[]): void {
    setAttribute(this.line, 'd', sparkPath(samples, this.width, this.height));
  }
}
