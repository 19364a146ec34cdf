import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { diffIptables, type IptablesChange } from '../../../src/kernel/iptables/diff.js';
import { parseIptablesSave, type IptablesDocument } from '../../../src/kernel/iptables/document.js';
import { editsOf } from '../../../src/kernel/iptables/edit.js';
import { viewOf } from '../../../src/kernel/iptables/view.js';
import { splitWords, UnsafeWordError, writeRule } from '../../../src/kernel/iptables/words.js';
import { emptyState } from '../../../src/kernel/state.js';
import type { PlacePlan } from '../../../src/plan/node-plan.js';
import { placePlan } from '../../../src/plan/place.js';
import { plan } from '../../../src/plan/plan.js';
import { defaultSettings } from '../../../src/settings.js';
import { cluster, contextFor, placeOf, port, service, task } from '../plan/fixtures.js';
import { newerDocker, olderDocker } from './iptables-samples.js';
import { restored, rulesIn } from './restore.js';

const { names } = defaultSettings;
const state = cluster({ services: [service('web', [port(8080, 80), port(8443, 443)])], tasks: [task('web', 1)] });
const host = placeOf(plan(state, contextFor(state)), 'host');

function changesFor(document: IptablesDocument, desired: PlacePlan = host): IptablesChange[] {
  return diffIptables({ desired, observed: { ...emptyState(desired.place), iptables: viewOf(document, desired, names) } });
}

/** Both phases, as the engine runs them. */
function converge(document: IptablesDocument, desired: PlacePlan = host): IptablesDocument {
  const changes = changesFor(document, desired);
  const up = changes.filter(({ action }) => action !== 'remove');
  const down = changes.filter(({ action }) => action === 'remove');
  const built = restored(document, editsOf(document, up, { teardown: false }));
  return restored(built, editsOf(built, down, { teardown: true }));
}

describe('reading what iptables-save prints', () => {
  test('counters, policies, quoted comments with escapes', () => {
    const document = parseIptablesSave(olderDocker);
    const filter = document.tables.get('filter')?.chains;
    expect(filter?.get('FORWARD')).toMatchObject({ policy: 'DROP', counters: { packets: 0n, bytes: 0n } });
    expect(filter?.get('DOCKER')).toMatchObject({ policy: null, rules: [] });
    expect(filter?.get('DOCKER-INGRESS')?.rules[0]?.counters).toEqual({ packets: 7n, bytes: 612n });
    expect(filter?.get('DOCKER-USER')?.rules[0]?.words).toEqual(['-s', '203.0.113.0/24', '-m', 'comment', '--comment', 'no "friends" of ours', '-j', 'DROP']);
    expect(document.opaque).toEqual([]);
  });

  test('a foreign table or line that nobody understands is kept aside, not a crash', () => {
    const document = parseIptablesSave('# Table `x\' is incompatible, use \'nft\' tool.\n*security\n:INPUT ACCEPT [1:2]\nwhat is this\nCOMMIT\nleft over\n');
    expect(document.opaque).toEqual(['what is this', 'left over']);
    expect(document.tables.get('security')?.chains.get('INPUT')?.policy).toBe('ACCEPT');
  });

  test('no text crashes it', () => {
    const lines = fc.array(fc.oneof(fc.string(), fc.constantFrom('*nat', 'COMMIT', ':X - [0:0]', '-A X "', '[1:2] -A', '-A X \\', ':', '*', '[x:y] -A X -j Y')));
    fc.assert(fc.property(lines, (parts) => { parseIptablesSave(parts.join('\n')); }));
  });

  test('words survive being printed as iptables prints them', () => {
    // xtables_save_string(): quoted unless of plain characters, with \\, " and ' escaped.
    const print = (word: string): string => (/^[\w-]+$/.test(word) ? word : `"${word.replaceAll(/["\\']/g, '\\$&')}"`);
    fc.assert(fc.property(fc.array(fc.string({ minLength: 1 })), (words) => { expect(splitWords(words.map(print).join(' '))).toEqual(words); }));
  });
});

describe('nothing reaches iptables that could be more than a word', () => {
  test.each(['a b', 'a\nb', 'a"b', "a'b", 'a\\b', '$(id)', 'a;b', '', '#', 'ü'])('%j is refused', (word) => {
    expect(() => writeRule(['-j', word])).toThrow(UnsafeWordError);
  });

  test('a word of a thousand letters is refused', () => {
    expect(() => writeRule(['-j', 'a'.repeat(1_000)])).toThrow(UnsafeWordError);
  });

  test('whatever is written is read back as the same words', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
        let text: string;
        try {
          text = writeRule(['-m', ...words]);
        } catch {
          return;
        }
        expect(text).not.toMatch(/[\n\r"]/);
        expect(splitWords(text)).toEqual(['-m', ...words]);
      }),
    );
  });
});

describe.each([
  ['up to 28.0.0', olderDocker, ['-j DOCKER-INGRESS', '-j DOCKER-ISOLATION-STAGE-1']],
  ['since 28.0.1', newerDocker, ['-j DOCKER-FORWARD']],
])('beside dockerd %s', (_version, sample, after) => {
  const before = parseIptablesSave(sample);

  test('the user’s firewall (DOCKER-USER) speaks first, then we, then dockerd', () => {
    const forward = rulesIn(converge(before), 'filter', 'FORWARD');
    expect(forward.slice(0, 2 + after.length)).toEqual(['-j DOCKER-USER', `-j ${names.chain}`, ...after]);
  });

  test('our DNAT comes before dockerd’s', () => {
    for (const chain of ['PREROUTING', 'OUTPUT']) {
      expect(rulesIn(converge(before), 'nat', chain).slice(0, 2)).toEqual([`-m addrtype --dst-type LOCAL -j ${names.chain}`, '-m addrtype --dst-type LOCAL -j DOCKER-INGRESS']);
    }
  });

  test('a second run does nothing', () => {
    expect(changesFor(converge(before))).toEqual([]);
  });

  test('dockerd’s jumps put first again are put behind ours in one restore, and nothing else is touched', () => {
    const dockerdCame = parseIptablesSave(
      [
        '*nat', ':PREROUTING ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':POSTROUTING ACCEPT [0:0]', `:${names.chain} - [0:0]`,
        '-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS', `-A PREROUTING -m addrtype --dst-type LOCAL -j ${names.chain}`,
        `-A OUTPUT -m addrtype --dst-type LOCAL -j ${names.chain}`, `-A POSTROUTING -o ${names.gatewayBridge} -m addrtype --src-type LOCAL -j MASQUERADE`,
      ].join('\n'),
    );
    const changes = changesFor(dockerdCame).filter(({ subject }) => subject.type === 'guest' && subject.guest.table === 'nat');
    expect(changes.map(({ action }) => action)).toEqual(['change']);
    const [nat] = editsOf(dockerdCame, changes, { teardown: false });
    expect(nat?.lines.map(({ text }) => text)).toEqual([
      `-D PREROUTING -m addrtype --dst-type LOCAL -j ${names.chain}`,
      `-I PREROUTING 1 -m addrtype --dst-type LOCAL -j ${names.chain}`,
    ]);
  });

  test('going away leaves every chain as it was', () => {
    const after = converge(converge(before), placePlan({ place: 'host', namespace: null }));
    for (const [table, { chains }] of before.tables) {
      for (const chain of chains.keys()) expect(rulesIn(after, table, chain)).toEqual(rulesIn(before, table, chain));
      expect(after.tables.get(table)?.chains.has(names.chain)).toBe(false);
    }
  });
});

describe('smallest edits', () => {
  test('publishing one more port touches no rule of the others, so their counters live on', () => {
    const more = cluster({ ...state, services: [service('web', [port(8080, 80), port(8081, 81), port(8443, 443)])] });
    const converged = converge(parseIptablesSave(olderDocker));
    const wanted = placeOf(plan(more, contextFor(more)), 'host');
    const edits = editsOf(converged, changesFor(converged, wanted), { teardown: false });
    expect(edits.map(({ table }) => table)).toEqual(['filter', 'nat']);
    expect(edits.flatMap(({ lines }) => lines.map(({ text }) => text))).toEqual([
      expect.stringMatching(/^-I MESH-INGRESS 4 .*--dport 8081 -j ACCEPT$/),
      expect.stringMatching(/^-I MESH-INGRESS 2 .*--dport 8081 -j DNAT/),
    ]);
  });

  const fabric = (rules: readonly string[]): PlacePlan =>
    placePlan({
      place: 'fabric',
      namespace: { path: '/run/netns/mesh_fabric', named: true },
      iptables: { chains: [{ table: 'filter', chain: 'FORWARD', policy: 'DROP', rules: rules.map((target) => ['-j', target]) }], guests: [] },
    });
  const saved = (rules: readonly string[]): IptablesDocument =>
    parseIptablesSave(`*filter\n:FORWARD ACCEPT [0:0]\n${rules.map((target) => `-A FORWARD -j ${target}`).join('\n')}\nCOMMIT\n`);
  const targets = fc.array(fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F'), { maxLength: 12 });

  test('whatever a chain of ours holds, it ends as planned', () => {
    fc.assert(
      fc.property(targets, targets, (found, wanted) => {
        const result = converge(saved(found), fabric(wanted));
        expect(rulesIn(result, 'filter', 'FORWARD')).toEqual(wanted.map((target) => `-j ${target}`));
        expect(result.tables.get('filter')?.chains.get('FORWARD')?.policy).toBe('DROP');
      }),
    );
  });

  test('while rules are put in, none of those that should stay is missing, and no foreign one is lost early', () => {
    fc.assert(
      fc.property(targets, targets, (found, wanted) => {
        const document = saved(found);
        const up = changesFor(document, fabric(wanted)).filter(({ action }) => action !== 'remove');
        const between = rulesIn(restored(document, editsOf(document, up, { teardown: false })), 'filter', 'FORWARD');
        for (const target of new Set([...found, ...wanted])) {
          const count = (list: readonly string[]): number => list.filter((one) => one === target || one === `-j ${target}`).length;
          expect(count(between)).toBe(wanted.includes(target) ? count(wanted) : count(found));
        }
      }),
    );
  });

  test('a nat table without rules is made present: without it the fabric can’t resolve clashing client ports', () => {
    const desired = placePlan({
      place: 'fabric',
      namespace: { path: '/run/netns/mesh_fabric', named: true },
      iptables: { chains: [{ table: 'nat', chain: 'PREROUTING', policy: 'ACCEPT', rules: [] }], guests: [] },
    });
    const nothing = parseIptablesSave('');
    expect(editsOf(nothing, changesFor(nothing, desired), { teardown: false })).toEqual([
      { table: 'nat', lines: [expect.objectContaining({ text: ':PREROUTING ACCEPT [0:0]' })] },
    ]);
    expect(changesFor(converge(nothing, desired), desired)).toEqual([]);
  });

  test('rules of somebody else in our own namespaces go, chains that jump to each other too', () => {
    const meddled = parseIptablesSave('*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:X - [0:0]\n:Y - [0:0]\n-A INPUT -j X\n-A X -j Y\n-A Y -m comment --comment "a b" -j X\nCOMMIT\n');
    const result = converge(meddled, fabric([]));
    expect([...(result.tables.get('filter')?.chains.values() ?? [])].map(({ name, policy, rules }) => [name, policy, rules.length])).toEqual([['INPUT', 'ACCEPT', 0], ['FORWARD', 'DROP', 0]]);
  });
});
