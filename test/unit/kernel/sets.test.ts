import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { NetlinkError, type NetlinkMessage, type NetlinkResult } from '../../../native/index.js';
import { differenceOf, differenceOfPlans } from '../../../src/kernel/difference.js';
import { stageIndexOf } from '../../../src/kernel/order.js';
import { isRepair } from '../../../src/kernel/repair.js';
import { diffSets, type SetChange } from '../../../src/kernel/set/diff.js';
import { applySets } from '../../../src/kernel/set/reconciler.js';
import { emptyState, type ObservedSet } from '../../../src/kernel/state.js';
import type { KernelSet, SetMember } from '../../../src/plan/objects.js';
import { placePlan } from '../../../src/plan/place.js';
import { meddled, planOf, state } from './states.js';

const plan = planOf({}, 1);
const lines = (changes: readonly { place: string; action: string; summary: string }[]): string[] => changes.map(({ place, action, summary }) => `${place}: ${action} ${summary}`);

const member: fc.Arbitrary<SetMember> = fc.record({ port: fc.integer({ min: 1, max: 20 }), mark: fc.constantFrom(1, 2) });
const members = fc.uniqueArray(member, { selector: ({ port }) => port });
const bitmap = (list: readonly SetMember[]): KernelSet => ({ name: 'mesh-tcp', type: 'bitmap:port', marked: true, members: list });

function diff(desired: readonly KernelSet[], observed: readonly ObservedSet[]): SetChange[] {
  return diffSets({ desired: placePlan({ place: 'sandbox', namespace: null, sets: desired }), observed: { ...emptyState('sandbox'), set: observed } });
}

/** A kernel that does everything but what it is told to refuse; remembers what it was asked. */
class FakeSets {
  readonly asked: string[] = [];
  constructor(private readonly refusal: (description: string, time: number) => number | null = () => null) {}

  request(messages: readonly NetlinkMessage[]): NetlinkResult[] {
    return messages.map(({ description }) => {
      this.asked.push(description);
      const errno = this.refusal(description, this.asked.filter((one) => one === description).length);
      return errno === null ? { ok: true, replies: [] } : { ok: false, error: new NetlinkError(description, { errno }) };
    });
  }
}

describe('what differs between sets', () => {
  test('is what makes one into the other, member by member, whichever they are', () => {
    fc.assert(fc.property(members, members, (before, after) => {
      const result = new Map(before.map(({ port, mark }) => [port, mark]));
      for (const { action, subject } of diff([bitmap(after)], [bitmap(before)])) {
        if (subject.type !== 'member') throw new Error('only members differ');
        if (action === 'remove') result.delete(subject.member.port);
        else result.set(subject.member.port, subject.member.mark);
      }
      expect(result).toEqual(new Map(after.map(({ port, mark }) => [port, mark])));
      expect(diff([bitmap(after)], [bitmap(after.map((one) => ({ ...one })))])).toEqual([]);
    }));
  });

  test('an emptied set gets its members back, as a repair', () => {
    const changes = differenceOf(plan.places, meddled(plan, 'host', ({ set }) => ({ set: set.map((one) => ({ ...one, members: [] })) })));
    expect(lines(changes)).toEqual(['host: add member 8080 of set mesh-tcp', 'host: add member 53 of set mesh-udp']);
    expect(changes.every((change) => isRepair(change, plan, plan))).toBe(true);
  });

  test('a set of another make is put in its place whole', () => {
    const other: ObservedSet = { name: 'mesh-tcp', type: 'hash:mac', marked: false, odd: true, members: [] };
    expect(lines(diff([bitmap([{ port: 1, mark: 1 }])], [other]))).toEqual(['sandbox: change set mesh-tcp (bitmap:port, with marks) with 1 member (was set mesh-tcp (hash:mac, with other options))']);
  });

  test('a replica more or less is one member, and no rule', () => {
    const fewer = planOf({ tasks: state.tasks.slice(1) }, 1);
    const ofFilter = (changes: ReturnType<typeof differenceOfPlans>) => lines(changes.filter(({ kind }) => kind === 'set' || kind === 'iptables'));
    expect(ofFilter(differenceOfPlans(fewer, plan))).toEqual(['fabric: add member 10.0.0.5,tcp:80 of set mesh-targets']);
    expect(ofFilter(differenceOfPlans(plan, fewer))).toEqual(['fabric: remove member 10.0.0.5,tcp:80 of set mesh-targets']);
  });
});

describe('the order', () => {
  test.each(['host', 'sandbox', 'fabric'] as const)('in the %s: a set is filled before a rule asks it, and stays until no rule does', (place) => {
    expect(stageIndexOf({ kind: 'set', place })).toBe(stageIndexOf({ kind: 'iptables', place }) - 1);
  });

  test('a port opens in the host when IPVS and marks are there, whichever form they have', () => {
    const [host, sandbox, ipvs, fabric] = [stageIndexOf({ kind: 'set', place: 'host' }), stageIndexOf({ kind: 'set', place: 'sandbox' }), stageIndexOf({ kind: 'ipvs', place: 'sandbox' }), stageIndexOf({ kind: 'set', place: 'fabric' })];
    expect([fabric, ipvs, sandbox, host]).toEqual([fabric, ipvs, sandbox, host].sort((a, b) => a - b));
  });
});

describe('how sets are changed', () => {
  const many = Array.from({ length: 2_000 }, (_, index) => ({ port: index + 1, mark: 1 }));

  test('a set that is made gets all of its members in one change: nobody reads a list of 50,000', async () => {
    const sets = new FakeSets();
    const changes = diff([bitmap(many)], []);
    expect(lines(changes)).toEqual(['sandbox: add set mesh-tcp (bitmap:port, with marks) with 2000 members']);
    expect(await applySets(sets, changes)).toEqual([]);
    expect(sets.asked).toEqual(['create set mesh-tcp (bitmap:port)', 'add 2000 entries of set mesh-tcp']);
  });

  test('all members that a set lacks travel together', async () => {
    const sets = new FakeSets();
    expect(await applySets(sets, diff([bitmap(many)], [bitmap([])]))).toEqual([]);
    expect(sets.asked).toEqual(['add 2000 entries of set mesh-tcp']);
  });

  test('what is refused fails with the kernel’s words, and keeps nothing else from being done', async () => {
    const sets = new FakeSets((description) => (description.startsWith('add') ? 12 : null));
    const refusals = await applySets(sets, [...diff([bitmap([{ port: 1, mark: 1 }])], []), ...diff([], [{ ...bitmap([]), name: 'mesh-udp' }])]);
    expect(refusals.map(({ change, error }) => [change.key, error.message.includes('ENOMEM')])).toEqual([['mesh-tcp', true]]);
    expect(sets.asked).toContain('destroy set mesh-udp');
  });

  test('a set that a rule has just let go of is asked for again', async () => {
    const sets = new FakeSets((_description, time) => (time < 3 ? 4100 : null));
    expect(await applySets(sets, diff([], [bitmap([])]))).toEqual([]);
    expect(sets.asked).toHaveLength(3);
  });

  test('a set that is gone before it is destroyed is gone', async () => {
    expect(await applySets(new FakeSets(() => 2), diff([], [bitmap([])]))).toEqual([]);
  });

  test('a set is swapped in where the kernel can, else put there when the other is gone; the spare one never stays', async () => {
    const change = diff([bitmap([{ port: 1, mark: 1 }])], [{ name: 'mesh-tcp', type: 'hash:mac', marked: false, members: [] }]);
    const same = new FakeSets();
    await applySets(same, change);
    expect(same.asked).toEqual(['destroy set mesh-tcp-new', 'create set mesh-tcp-new (bitmap:port)', 'add 1 entry of set mesh-tcp-new', 'swap sets mesh-tcp-new and mesh-tcp', 'destroy set mesh-tcp-new']);
    const other = new FakeSets((description) => (description.startsWith('swap') ? 4102 : null));
    expect(await applySets(other, change)).toEqual([]);
    expect(other.asked.slice(-3)).toEqual(['destroy set mesh-tcp', 'rename set mesh-tcp-new to mesh-tcp', 'destroy set mesh-tcp-new']);
  });
});
