/**
 * New connections on their way, as dots: each is one, or as many as there are too many of. Drawn on a canvas over what is
 * seen of the picture. No dot, no frame: a mesh without traffic costs nothing.
 */
import { pointOn, type Curve } from './layout.js';

interface Particle {
  readonly startsAt: number;
  readonly way: readonly Curve[];
}

const curveMilliseconds = 620;
/** IPVS counts every two seconds: what it tells at once came in all of that time. */
const spreadMilliseconds = 2_000;
const mostOfTick = 160;
const radius = 2.2;

export class Particles {
  private particles: Particle[] = [];
  private frame: number | null = null;
  private readonly context: CanvasRenderingContext2D | null;
  private readonly calm = window.matchMedia('(prefers-reduced-motion: reduce)');

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly scroller: HTMLElement,
  ) {
    this.context = canvas.getContext('2d');
  }

  /** `connections`: how many came each way. */
  send(connections: readonly { readonly way: readonly Curve[]; readonly number: number }[]): void {
    if (this.calm.matches || document.hidden) return;
    const total = connections.reduce((sum, { number }) => sum + number, 0);
    const share = Math.max(1, total / mostOfTick);
    const now = performance.now();
    for (const { way, number } of connections) {
      // What is less than a dot gets one by chance, so that many small ones are seen as well.
      const dots = Math.floor(number / share + Math.random());
      for (let dot = 0; dot < dots; dot += 1) this.particles.push({ startsAt: now + Math.random() * spreadMilliseconds, way });
    }
    this.run();
  }

  /** The picture has changed: the ways are other ones. */
  clear(): void {
    this.particles = [];
  }

  private run(): void {
    if (this.frame !== null || this.particles.length === 0) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = null;
      this.draw(now);
      this.run();
    });
  }

  private draw(now: number): void {
    const { context } = this;
    if (context === null) return;
    this.fit(context);
    context.fillStyle = getComputedStyle(this.canvas).color;
    this.particles = this.particles.filter(({ startsAt, way }) => now < startsAt + way.length * curveMilliseconds);
    for (const { startsAt, way } of this.particles) {
      const elapsed = now - startsAt;
      const curve = way[Math.floor(elapsed / curveMilliseconds)];
      if (elapsed < 0 || curve === undefined) continue;
      const [x, y] = pointOn(curve, ease((elapsed % curveMilliseconds) / curveMilliseconds));
      context.beginPath();
      context.arc(x - this.scroller.scrollLeft, y - this.scroller.scrollTop, radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** As large as what is seen, in the screen's own pixels; setting the size clears it. */
  private fit(context: CanvasRenderingContext2D): void {
    const scale = Math.min(2, window.devicePixelRatio);
    const [width, height] = [this.scroller.clientWidth, this.scroller.clientHeight];
    if (this.canvas.width === Math.round(width * scale) && this.canvas.height === Math.round(height * scale)) {
      context.clearRect(0, 0, width, height);
      return;
    }
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    context.setTransform(scale, 0, 0, scale, 0, 0);
  }
}

function ease(part: number): number {
  return part < 0.5 ? 2 * part * part : 1 - (-2 * part + 2) ** 2 / 2;
}
