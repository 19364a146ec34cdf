/**
 * Where the kernel may hold something else than the last plan said. A hint is of one place, and to look there costs the
 * same with one task as with a hundred; everywhere is looked from time to time, since most of what can be changed gives
 * no hint.
 */
import { bothDoubted, type Doubted } from '../kernel/glance.js';

export class Doubts {
  private doubted: Doubted = new Map();

  add(more: Doubted): void {
    this.doubted = bothDoubted(this.doubted, more);
  }

  /** A look will settle them; one that is given up has to add them again. */
  take(): Doubted {
    const { doubted } = this;
    this.doubted = new Map();
    return doubted;
  }
}
