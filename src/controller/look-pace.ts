/**
 * How long to wait between two whole looks at the kernel. A look at 10,000 ports takes seconds, and mostly finds nothing:
 * while nothing happens the pauses grow until looking takes half a percent of the time and no more. Hints from the
 * kernel, and whatever else is heard of, are looked after at once, as ever: a hint where it comes from.
 */

/** Of the time, when nothing has happened for long. Where a look takes 50 ms and the pause is 10 s, it is so much from the beginning. */
const shareAtRest = 1 / 200;
/** Of the time, for looks at single places that something calls for. */
const shareOfGlances = 1 / 20;
/** Of the time, for whole looks while things happen: what gives no hint is to be found soon then, whatever it costs up to here. */
const shareAtWork = 1 / 5;
/** Somebody else's change that gives no hint (IPVS has none) is to be found within a minute, whatever a look takes: no mesh heals itself that nobody looks at. */
const longestMilliseconds = 60_000;

export class LookPace {
  /** Of the last whole look. */
  private lastMilliseconds = 0;
  /** Of the last look at single places. */
  private lastGlance = 0;
  /** Looks in a row that found nothing, since the last change. */
  private idle = 0;

  /** `shortestMilliseconds`: between two looks when nothing happens, where looks are cheap. */
  constructor(private readonly shortestMilliseconds: number) {}

  looked(milliseconds: number, foundSomething: boolean): void {
    this.lastMilliseconds = milliseconds;
    this.idle = foundSomething ? 0 : this.idle + 1;
  }

  /** At single places: says nothing of how it is elsewhere. */
  glanced(milliseconds: number, foundSomething: boolean): void {
    this.lastGlance = milliseconds;
    if (foundSomething) this.idle = 0;
  }

  /** Something was changed, by us or for us. */
  changed(): void {
    this.idle = 0;
  }

  /** Milliseconds from one whole look to the next. */
  pause(): number {
    const longest = Math.min(longestMilliseconds, this.lastMilliseconds / shareAtRest);
    const growing = Math.min(longest, this.shortestMilliseconds * 2 ** Math.min(this.idle, 30));
    return Math.max(this.shortestMilliseconds, growing, this.afterMeddling());
  }

  /** Milliseconds to a whole look after somebody was found to have changed something: what gives no hint may be changed, too. */
  afterMeddling(): number {
    return Math.min(longestMilliseconds, this.lastMilliseconds / shareAtWork);
  }

  /** Milliseconds to a look at single places that is in no hurry. */
  least(): number {
    return Math.min(longestMilliseconds, this.lastGlance / shareOfGlances);
  }
}
