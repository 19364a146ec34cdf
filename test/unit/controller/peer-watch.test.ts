import { describe, expect, it } from '@jest/globals';
import { EventLog } from '../../../src/controller/event-log.js';
import { PeerWatch } from '../../../src/controller/peer-watch.js';
import { EventRecorder } from '../../../src/event.js';
import { silentLogger } from '../../../src/log.js';
import { peersOf } from '../../../src/plan/peers.js';

const nodes = [1, 2, 3].map((number) => ({ id: `node${number}`, name: `h${number}`, address: `192.168.56.${10 + number}`, ready: true }));
const { peers } = peersOf({ nodes, services: [], tasks: [], conditions: [] }, 'node1');

/** A network in which router addresses answer after so many milliseconds, unless they are silent; time is told by hand. */
function network(roundTrip = 0) {
  const events = new EventLog();
  const silent = new Set<string>();
  const changes: string[] = [];
  let now = 0;
  let broken = false;
  const late: (() => void)[] = [];
  let holdsBack = false;
  let listens = true;
  let turns = 0;
  let ticks = 0;
  let waited = 0;
  const watch = new PeerWatch({
    timeoutMilliseconds: 1_000,
    events: new EventRecorder(events, silentLogger),
    logger: silentLogger,
    onChange: (what) => changes.push(what),
    now: () => now,
    probe: {
      ask: (_source, questions, onReply) => {
        if (broken) throw new Error('ENETUNREACH');
        for (const { destination, sequence } of questions) {
          if (silent.has(destination)) continue;
          if (holdsBack || !listens) late.push(() => { onReply(destination, sequence); });
          else {
            turns += 1;
            now += roundTrip;
            onReply(destination, sequence);
          }
        }
        return questions.map(() => null);
      },
      listen: (asTheyCome) => { listens = asTheyCome; },
      read: () => { for (const answer of late.splice(0)) answer(); },
      readWithin: (milliseconds, isEnough) => {
        if (!holdsBack && roundTrip <= milliseconds) for (const answer of late.splice(0)) answer();
        if (!isEnough()) waited += milliseconds;
      },
      close: () => undefined,
    },
  });
  watch.follow(peers, '100.104.56.11');
  return {
    watch, silent, changes, events,
    /** Answers that the program was woken for. */
    wakeUps: () => turns,
    /** Rounds in which it woke. */
    ticks: () => ticks,
    /** Milliseconds in which it did nothing but wait, and did not get what it waited for. */
    waited: () => waited,
    breakOwnCable: (is: boolean) => { broken = is; },
    holdBack: (is: boolean) => { holdsBack = is; },
    pass: (milliseconds: number, step?: number) => { for (const end = now + milliseconds; now < end;) { now += step ?? watch.pause(); ticks += 1; watch.tick(); } },
  };
}

const me = { id: 'node1', name: 'h1' };

describe('peers', () => {
  it('that answer are no news', () => {
    const { watch, changes, pass } = network();
    pass(5_000);
    expect(changes).toEqual([]);
    expect(watch.reports().map(({ name, state }) => `${name} ${state}`)).toEqual(['h2 alive', 'h3 alive']);
  });

  it('have their questions counted, and those that nobody answered', () => {
    const { watch, silent, pass } = network();
    pass(2_000);
    silent.add('100.104.56.13');
    pass(20_000);
    expect(watch.reports().map(({ name, probes }) => [name, probes])).toEqual([['h2', { sent: 79, lost: 0 }], ['h3', { sent: 66, lost: 49 }]]);
  });

  it('long dead are asked once a second and wake nobody, so that a hundred of them cost little; one that answers again is soon back', () => {
    const { watch, silent, changes, wakeUps, pass } = network();
    pass(2_000);
    silent.add('100.104.56.13');
    pass(20_000);
    const asked = (): number[] => watch.reports().map(({ probes }) => probes.sent);
    const [before, woken] = [asked(), wakeUps()];
    pass(12_000);
    expect(asked().map((count, index) => count - (before[index] ?? 0))).toEqual([30, 12]);
    expect(wakeUps() - woken).toBe(2);
    silent.clear();
    pass(1_600);
    expect(changes).toEqual(['h3 does not answer', 'h3 answers again']);
  });

  it('one that falls silent is told within a second, and told again when it is back', () => {
    const { watch, silent, changes, events, pass } = network();
    pass(2_000);
    silent.add('100.104.56.13');
    pass(1_000);
    expect(changes).toEqual(['h3 does not answer']);
    expect([...watch.dead()]).toEqual(['node3']);
    expect(watch.conditions(me).map(({ reason, object }) => [reason, object.name])).toEqual([['PeerUnreachable', 'h3']]);
    expect(events.list().events.map(({ reason, object }) => `${reason} ${object.name}`)).toEqual(['PeerUnreachable h3']);
    silent.clear();
    pass(1_000);
    expect(changes).toEqual(['h3 does not answer', 'h3 answers again']);
    expect(watch.conditions(me)).toEqual([]);
  });

  it('one that loses two packets in a row is no news: it is asked thrice before it is called dead', () => {
    const { watch, silent, changes, pass } = network();
    pass(2_400);
    const asked = (): number | undefined => watch.reports()[1]?.probes.sent;
    const before = asked() ?? 0;
    silent.add('100.104.56.13');
    while (asked() === before || asked() === before + 1) pass(1);
    silent.clear();
    pass(2_000);
    expect(changes).toEqual([]);
  });

  it('one that falls silent is told on a machine that is late for every round, too', () => {
    const { silent, changes, pass } = network();
    pass(2_400);
    silent.add('100.104.56.13');
    pass(1_200, 290);
    expect(changes).toEqual(['h3 does not answer']);
  });

  it('all silent: this node is the one cut off, and says so once', () => {
    const { watch, silent, pass } = network();
    pass(2_000);
    silent.add('100.104.56.12').add('100.104.56.13');
    pass(1_000);
    expect(watch.conditions(me).map(({ reason, object }) => [reason, object.name])).toEqual([['CutOff', 'h1']]);
  });

  it('are not called dead because this program was held up: what waits is read first', () => {
    const { watch, changes, pass, holdBack } = network();
    pass(2_000);
    holdBack(true);
    pass(60_000, 20_000);
    expect(changes).toEqual([]);
    expect(watch.dead().size).toBe(0);
  });

  it('are not called dead while nothing can be sent', () => {
    const { changes, pass, breakOwnCable } = network();
    pass(2_000);
    breakOwnCable(true);
    pass(10_000);
    expect(changes).toEqual([]);
  });

  it('that are all alive and near are asked five times in two seconds, in one turn with the answer; nobody is woken for more', () => {
    const { watch, wakeUps, waited, ticks, pass } = network();
    pass(6_400);
    const asked = (): number => watch.reports().reduce((sum, { probes }) => sum + probes.sent, 0);
    const before = { asked: asked(), wakeUps: wakeUps(), ticks: ticks() };
    pass(12_000);
    expect({ asked: asked() - before.asked, ticks: ticks() - before.ticks, waited: waited() }).toEqual({ asked: 2 * 30, ticks: 30, waited: 0 });
    expect(wakeUps() - before.wakeUps).toBeLessThanOrEqual(2 * 2);
    expect(watch.reports().map(({ state, roundTripMilliseconds }) => [state, roundTripMilliseconds])).toEqual([['alive', 0], ['alive', 0]]);
  });

  it('that are all alive and far are not waited for; they wake nobody by fourteen answers of fifteen, and the time that an answer takes is known all the same', () => {
    const { watch, wakeUps, waited, ticks, pass } = network(8);
    pass(6_400);
    const asked = (): number => watch.reports().reduce((sum, { probes }) => sum + probes.sent, 0);
    const before = { asked: asked(), wakeUps: wakeUps(), ticks: ticks() };
    pass(12_000);
    expect({ asked: asked() - before.asked, ticks: ticks() - before.ticks, waited: waited() }).toEqual({ asked: 2 * 30, ticks: 60, waited: 0 });
    expect(wakeUps() - before.wakeUps).toBe(2 * 2);
    expect(watch.reports().map(({ state, roundTripMilliseconds }) => [state, roundTripMilliseconds])).toEqual([['alive', 8], ['alive', 16]]);
  });

  it('a near one whose answers come late for once is waited for no longer than five milliseconds, and is no news', () => {
    const { changes, waited, pass, holdBack } = network();
    pass(2_400);
    holdBack(true);
    pass(400);
    holdBack(false);
    pass(2_000);
    expect({ changes, waited: waited() }).toEqual({ changes: [], waited: 5 });
  });

  it('of which one is away are listened to: its return is heard as it comes', () => {
    const { silent, wakeUps, pass } = network();
    pass(2_000);
    silent.add('100.104.56.13');
    pass(2_000);
    const before = wakeUps();
    pass(2_000);
    expect(wakeUps() - before).toBe(10);
  });

  it('that leave the cluster are forgotten, and the others’ record stays', () => {
    const { watch, silent, pass } = network();
    pass(2_000);
    silent.add('100.104.56.12');
    pass(1_000);
    watch.follow(peers.slice(0, 1), '100.104.56.11');
    expect(watch.reports().map(({ name, state }) => `${name} ${state}`)).toEqual(['h2 dead']);
  });
});
