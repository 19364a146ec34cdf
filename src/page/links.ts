/** The links of the picture: their width is the rate, their colour the state. */
import { setAttribute, svgElement } from './element.js';
import { isNear, pathOf, type Curve, type Layout } from './layout.js';
import { sum } from './model.js';
import type { SceneLink } from './scene.js';

/** CSS pixels for connections per second: twice as many are told apart at any rate. Pure. */
export function widthOf(rate: number): number {
  return Math.min(8, 1.25 + 1.9 * Math.log10(1 + rate));
}

export class Links {
  private readonly paths = new Map<string, SVGPathElement>();

  constructor(private readonly svg: SVGSVGElement) {}

  show(links: readonly SceneLink[], layout: Layout, top: number, height: number): void {
    setAttribute(this.svg, 'width', String(layout.width));
    setAttribute(this.svg, 'height', String(layout.height));
    const wanted = new Set<string>();
    for (const link of links) {
      const curve = layout.curveOf(link);
      if (curve === null || !isNear(extent(curve), top, height)) continue;
      wanted.add(link.id);
      this.draw(link, curve);
    }
    for (const [id, path] of this.paths) {
      if (wanted.has(id)) continue;
      path.remove();
      this.paths.delete(id);
    }
  }

  /** Those that touch one of the boxes stand out; null: none does. */
  emphasise(ids: ReadonlySet<string> | null): void {
    this.svg.classList.toggle('is-chosen', ids !== null);
    for (const [id, path] of this.paths) path.classList.toggle('is-related', ids?.has(id) === true);
  }

  private draw({ id, servers, state }: SceneLink, curve: Curve): void {
    let path = this.paths.get(id);
    if (path === undefined) {
      path = svgElement('path', { class: 'link' });
      this.paths.set(id, path);
      this.svg.append(path);
    }
    const { connectionsPerSecond: rate, active } = sum(servers.map(({ figures }) => figures));
    setAttribute(path, 'd', pathOf(curve));
    setAttribute(path, 'stroke-width', widthOf(rate).toFixed(2));
    setAttribute(path, 'data-state', state);
    setAttribute(path, 'data-flow', rate > 0 || active > 0 ? 'yes' : 'no');
  }
}

function extent([x0, y0, , , , , x3, y3]: Curve) {
  return { x: Math.min(x0, x3), y: Math.min(y0, y3), width: Math.abs(x3 - x0), height: Math.abs(y3 - y0) };
}
