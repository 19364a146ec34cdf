/**
 * Is a peer there? Judged by its answers alone, with an injected clock.
 *
 * INVARIANTS
 * - Who answers within the timeout is never called dead, however late this program itself was to look.
 * - Who does not is called dead at three quarters of the timeout: the rest is for the kernel to be told.
 * - Who comes back must answer twice in a row; who keeps coming and going, for longer each time.
 */
export type PeerState = 'unknown' | 'alive' | 'dead';

export interface PeerHealthOptions {
  /** From the last answer to no new connections, in milliseconds. */
  readonly timeoutMilliseconds: number;
}

export interface PeerVerdict {
  readonly state: PeerState;
  /** Milliseconds since the last answer; null before the first. */
  readonly silentMilliseconds: number | null;
  /** Of the last answer, in milliseconds; null before the first. */
  readonly roundTripMilliseconds: number | null;
}

/** Part of the timeout after which a peer is judged. */
const judgedAt = 0.75;
/** Answers in a row that bring a peer back. */
const answersToReturn = 2;
/** A death within so many milliseconds of the one before is flapping. */
const flapWindow = 60_000;
/** How long a flapping peer must answer: this, doubled with each death, up to the limit; in milliseconds. */
const firstPenance = 1_000;
const longestPenance = 30_000;
/** Whoever has not answered for so many timeouts is not expected back at any moment. */
const longDead = 10;
/** A new peer's first answer may take so many timeouts: its own cable may yet have to be laid. */
const patienceWithNew = 4;

export class PeerHealth {
  private current: PeerState = 'unknown';
  private lastAnswer: number | null = null;
  private roundTrip: number | null = null;
  /** The last moment that counts in its favour: an answer, its arrival, or one that we could not ask at. */
  private benefit: number;
  private answersInRow = 0;
  private answersSince: number | null = null;
  private deaths = 0;
  private lastDeath = -Infinity;

  constructor(
    private readonly options: PeerHealthOptions,
    private readonly since: number,
  ) {
    this.benefit = since;
  }

  /** It answered what was asked at `askedAt`. `isMeasured`: at this very moment, not at some time before. */
  answered(now: number, askedAt: number, isMeasured = true): void {
    const timeout = this.options.timeoutMilliseconds;
    // What was asked long ago says nothing of now.
    if (now - askedAt > timeout * patienceWithNew) return;
    if (this.lastAnswer === null || now - this.lastAnswer > timeout) this.answersInRow = 0;
    if (this.answersInRow === 0) this.answersSince = now;
    this.answersInRow += 1;
    this.lastAnswer = now;
    this.benefit = Math.max(this.benefit, now);
    if (isMeasured) this.roundTrip = now - askedAt;
    if (this.current === 'unknown') this.current = 'alive';
    else if (this.current === 'dead' && this.answersInRow >= answersToReturn && now - (this.answersSince ?? now) >= this.penance()) this.current = 'alive';
  }

  /** We could not ask, or not look, for so many milliseconds: that is not held against it. */
  excuse(now: number, milliseconds: number): void {
    this.benefit = Math.min(now, this.benefit + milliseconds);
  }

  /** Judges it; call it at least five times in each timeout. */
  judge(now: number): PeerState {
    const patience = this.options.timeoutMilliseconds * (this.current === 'unknown' ? patienceWithNew : judgedAt);
    if (now - this.benefit > patience) {
      if (this.current !== 'dead') this.die(now);
      this.answersInRow = 0;
    }
    return this.current;
  }

  get state(): PeerState {
    return this.current;
  }

  /** Of the last answer that was measured; null before the first. */
  get roundTripMilliseconds(): number | null {
    return this.roundTrip;
  }

  verdict(now: number): PeerVerdict {
    return { state: this.current, silentMilliseconds: this.lastAnswer === null ? null : now - this.lastAnswer, roundTripMilliseconds: this.roundTrip };
  }

  isLongDead(now: number): boolean {
    return this.current === 'dead' && now - (this.lastAnswer ?? this.since) > longDead * this.options.timeoutMilliseconds;
  }

  private die(now: number): void {
    this.deaths = now - this.lastDeath <= flapWindow ? this.deaths + 1 : 1;
    this.lastDeath = now;
    this.current = 'dead';
  }

  private penance(): number {
    return this.deaths <= 1 ? 0 : Math.min(longestPenance, firstPenance * 2 ** (this.deaths - 2));
  }
}
