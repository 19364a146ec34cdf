/** A rate's last minute as a line. */
import { setAttribute, svgElement } from './element.js';
import { sparkPath } from './spark-path.js';

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
