/**
 * Asks every peer on the way that traffic takes, several times within the timeout, and tells when one dies or is back.
 * The answer is the peer's kernel's: its controller may be down.
 *
 * To ask each peer and to wake for its answer is most of what an idle controller costs. So
 * - who has answered is asked in every other round only; who has not, twice as often as a round, until it does or is dead;
 * - where all are alive and near, their answers are waited for, a few milliseconds, and the round between is left out;
 * - where they are not near, one round in thirty is listened to, which tells how long an answer takes; the answers of the
 *   others are picked up with the next round;
 * - who has been dead for a while is asked in one round of five, until it answers.
 */
import { performance } from 'node:perf_hooks';
import type { Condition } from '../cluster/condition.js';
import type { EventRecorder } from '../event.js';
import type { Logger } from '../log.js';
import { vxlan } from '../plan/devices.js';
import type { Peer } from '../plan/peers.js';
import type { PeerProbe, PeerQuestion } from './mesh-kernel.js';
import { PeerHealth, type PeerVerdict } from './peer-health.js';

export interface PeerWatchOptions {
  readonly probe: PeerProbe;
  readonly timeoutMilliseconds: number;
  readonly events: EventRecorder;
  readonly logger: Logger;
  /** Which peers are dead has changed. */
  readonly onChange: (what: string) => void;
  /** Milliseconds of a clock that never goes back; injected by tests. */
  readonly now?: () => number;
}

/** What `status` says of a peer. */
export interface PeerReport extends PeerVerdict {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly router: string;
  /** Questions asked, and those among them that nobody answered in time, since the peer is watched. */
  readonly probes: { readonly sent: number; readonly lost: number };
}

interface Watched {
  peer: Peer;
  readonly health: PeerHealth;
  sent: number;
  lost: number;
  /** Questions since its last answer. */
  unanswered: number;
  /** The round that it was last asked in. */
  askedIn: number;
  /** As `onChange` was last told. */
  toldDead: boolean;
}

interface Question {
  readonly at: number;
  readonly watched: Watched;
}

/** Rounds in each timeout. */
const roundsPerTimeout = 5;
/** One round of so many is listened to; even, as every other one is asked in. */
const roundsPerMeasure = 30;
/** Who answers within so many milliseconds is near: so long may be waited for it, in which nothing else is done. */
const nearMilliseconds = 5;
/** A question that so many timeouts have not answered is lost. */
const patience = 10;

export class PeerWatch {
  private readonly watched = new Map<string, Watched>();
  /** By `<router address> <sequence>`, in the order of time. */
  private readonly asked = new Map<string, Question>();
  private readonly interval: number;
  private readonly now: () => number;
  private router: string | null = null;
  private sequence = 0;
  private rounds = 0;
  /** Answers are handed over as they come, in this round. */
  private listens = true;
  /** What is read was answered just now. */
  private isMeasuring = true;
  /** All that were asked in this round have answered in it. */
  private isAnswered = false;
  /** All answers that there were by then have been read. */
  private lastTick: number;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly options: PeerWatchOptions) {
    this.interval = options.timeoutMilliseconds / roundsPerTimeout;
    this.now = options.now ?? (() => performance.now());
    this.lastTick = this.now();
  }

  start(): void {
    this.lastTick = this.now();
    this.schedule();
  }

  close(): void {
    clearTimeout(this.timer);
    this.options.probe.close();
  }

  /** Milliseconds from a round to the next: soon where an answer is missing, so that no few lost packets make a peer dead. */
  pause(): number {
    if (this.isAnswered) return this.interval * 2;
    const isMissed = [...this.watched.values()].some(({ health, unanswered }) => unanswered > 1 && health.state === 'alive');
    return isMissed ? this.interval / 2 : this.interval;
  }

  /** The peers as they are cabled now, and this node's own router address. */
  follow(peers: readonly Peer[], router: string): void {
    this.router = router;
    const known = new Set(peers.map(({ id }) => id));
    for (const id of this.watched.keys()) if (!known.has(id)) this.watched.delete(id);
    for (const peer of peers) {
      const watched = this.watched.get(peer.id);
      // Under another address it is another machine, for all that we know.
      if (watched?.peer.router === peer.router) watched.peer = peer;
      else this.watched.set(peer.id, this.watchAnew(peer, watched?.toldDead ?? false));
    }
  }

  private watchAnew(peer: Peer, toldDead: boolean): Watched {
    const health = new PeerHealth({ timeoutMilliseconds: this.options.timeoutMilliseconds }, this.now());
    return { peer, health, sent: 0, lost: 0, unanswered: 0, askedIn: -Infinity, toldDead };
  }

  /** Ids of peers that don't answer. */
  dead(): ReadonlySet<string> {
    return new Set([...this.watched].filter(([, { health }]) => health.state === 'dead').map(([id]) => id));
  }

  reports(): PeerReport[] {
    return [...this.watched.values()].map(({ peer: { id, name, address, router }, health, sent, lost }) => ({ id, name, address, router, ...health.verdict(this.now()), probes: { sent, lost } }));
  }

  /** `node`: this one, which says so when it is the one cut off. */
  conditions(node: { readonly id: string; readonly name: string }): Condition[] {
    const ids = this.dead();
    const dead = [...this.watched.values()].map(({ peer }) => peer).filter(({ id }) => ids.has(id));
    if (dead.length === 0) return [];
    if (dead.length === this.watched.size) {
      const names = dead.map(({ name, address }) => `${name} (${address})`).join(', ');
      const message = `no peer answers over the fabric (${names}); this node serves its own tasks where it has any. Look at its cable, and at what filters udp/${vxlan.port}`;
      return [{ reason: 'CutOff', object: { kind: 'node', ...node }, message }];
    }
    return dead.map(({ id, name, address }) => ({
      reason: 'PeerUnreachable',
      object: { kind: 'node', id, name },
      message: `${address} does not answer over the fabric; its tasks get no new connections from here until it does`,
    }));
  }

  /** One round of questions, and the verdict on the last ones. Public for tests; the timer calls it, `pause` after the last. */
  tick(): void {
    const now = this.now();
    const elapsed = now - this.lastTick;
    // Held up ourselves: the time is nobody's fault. Whole rounds are the measure: a busy machine is late for half ones.
    const isLate = elapsed > this.interval * (this.isAnswered ? 2.5 : 1.5);
    this.pickUp();
    this.lastTick = now;
    this.listen(now);
    const couldAsk = this.ask(now);
    this.waitForNear();
    for (const { health } of this.watched.values()) {
      if (isLate || !couldAsk) health.excuse(now, elapsed);
      health.judge(now);
    }
    for (const watched of this.watched.values()) this.tellOf(watched);
  }

  private schedule(): void {
    this.timer = setTimeout(() => {
      this.tick();
      this.schedule();
    }, this.pause());
    this.timer.unref();
  }

  /** What has come since the last time; none of it says when. */
  private pickUp(): void {
    this.isMeasuring = false;
    this.options.probe.read();
  }

  private listen(now: number): void {
    this.rounds += this.isAnswered ? 2 : 1;
    this.isAnswered = false;
    this.listens = this.rounds % roundsPerMeasure === 0 || [...this.watched.values()].some(({ health }) => health.state !== 'alive' && !health.isLongDead(now));
    this.isMeasuring = this.listens;
    this.options.probe.listen(this.listens);
  }

  private waitForNear(): void {
    const all = [...this.watched.values()];
    const isNear = ({ health, askedIn }: Watched) => health.state === 'alive' && askedIn === this.rounds && (health.roundTripMilliseconds ?? Infinity) <= nearMilliseconds;
    if (this.listens || !all.every(isNear)) return;
    const areAnswered = () => all.every(({ unanswered }) => unanswered === 0);
    this.isMeasuring = true;
    this.options.probe.readWithin(nearMilliseconds, areAnswered);
    this.isMeasuring = false;
    this.isAnswered = areAnswered();
  }

  /** False: nothing could be sent, which says nothing about the peers. */
  private ask(now: number): boolean {
    if (this.router === null || this.watched.size === 0) return true;
    this.giveUp(now);
    const due = [...this.watched.values()].filter((watched, index) => this.isDue(watched, index, now));
    const asking = due.map((watched) => {
      this.sequence = (this.sequence + 1) & 0xffff;
      return { watched, destination: watched.peer.router, sequence: this.sequence };
    });
    if (asking.length === 0) return true;
    for (const { watched, destination, sequence } of asking) {
      watched.unanswered += 1;
      watched.askedIn = this.rounds;
      this.asked.set(questionKey(destination, sequence), { at: now, watched });
    }
    const refused = this.send(this.router, asking);
    asking.forEach(({ watched, destination, sequence }, index) => {
      const error = refused[index];
      if (error === null) watched.sent += 1;
      else {
        this.asked.delete(questionKey(destination, sequence));
        // Asked again in the next round, and no sooner: that it is not answered is our own fault.
        watched.unanswered = 1;
        this.options.logger.debug('A peer could not be asked whether it is there', { peer: watched.peer.name, error });
      }
    });
    return refused.includes(null);
  }

  private isDue(watched: Watched, index: number, now: number): boolean {
    // Those that are long dead have a round each, so that none asks for all of them.
    if (watched.health.isLongDead(now)) return index % roundsPerTimeout === this.rounds % roundsPerTimeout;
    return watched.askedIn < this.rounds - 1 || watched.health.state !== 'alive' || watched.unanswered > 0 || this.listens;
  }

  private send(router: string, questions: readonly PeerQuestion[]): readonly (Error | null)[] {
    try {
      return this.options.probe.ask(router, questions, (source, sequence) => { this.answered(source, sequence); });
    } catch (error) {
      return questions.map(() => error as Error);
    }
  }

  /** Questions that are too old to be answered. */
  private giveUp(now: number): void {
    for (const [key, { at, watched }] of this.asked) {
      if (now - at <= patience * this.options.timeoutMilliseconds) break;
      this.asked.delete(key);
      watched.lost += 1;
    }
  }

  private answered(source: string, sequence: number): void {
    const key = questionKey(source, sequence);
    const question = this.asked.get(key);
    if (question === undefined) return;
    this.asked.delete(key);
    const { at: askedAt, watched } = question;
    // It has gone since, or is another machine now.
    if (this.watched.get(watched.peer.id) !== watched) return;
    // What was picked up came after the time before: later than that it need not have been.
    const at = this.isMeasuring ? this.now() : Math.max(askedAt, this.lastTick);
    watched.unanswered = 0;
    watched.health.answered(at, askedAt, this.isMeasuring);
    this.tellOf(watched);
  }

  private tellOf(watched: Watched): void {
    const { peer: { name, address }, health } = watched;
    const isDead = health.state === 'dead';
    if (isDead === watched.toldDead) return;
    watched.toldDead = isDead;
    const { silentMilliseconds } = health.verdict(this.now());
    const object = { kind: 'node', name } as const;
    const details = { address, silentMilliseconds: silentMilliseconds === null ? null : Math.round(silentMilliseconds) };
    if (isDead) this.options.events.warning('PeerUnreachable', object, `${address} does not answer over the fabric; its tasks get no new connections from here until it does`, details);
    else this.options.events.normal('PeerReturned', object, `${address} answers over the fabric again`, details);
    this.options.onChange(`${name} ${isDead ? 'does not answer' : 'answers again'}`);
  }
}

function questionKey(router: string, sequence: number): string {
  return `${router} ${sequence}`;
}
