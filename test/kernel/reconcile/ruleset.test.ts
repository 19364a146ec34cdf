/** Rules that are read only when they have changed: on a real kernel, by the iptables of this machine. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { CommandError, initialise, type NetworkNamespace, run } from '../../../native/index.js';
import { Ruleset } from '../../../src/kernel/iptables/ruleset.js';
import { discard, freshNamespace } from '../native/laboratory.js';

let namespace: NetworkNamespace;
let ruleset: Ruleset;

const iptables = async (...words: readonly string[]) => run('iptables', words, { namespace, timeoutMs: 20_000 });
const forwarded = async () => (await ruleset.read()).tables.get('filter')?.chains.get('FORWARD')?.rules ?? [];

beforeEach(async () => {
  await initialise();
  namespace = freshNamespace('ruleset');
  ruleset = new Ruleset(namespace);
  await iptables('-A', 'FORWARD', '-s', '198.51.100.1', '-j', 'DROP');
});
afterEach(() => {
  ruleset.close();
  discard(namespace);
});

test('an idle node starts no program for its rules: what has not changed is not read again', async () => {
  expect(await ruleset.read()).toBe(await ruleset.read());
});

test('whatever somebody does to the rules is seen at the next look: a rule more, a rule less, all of them gone', async () => {
  expect(await forwarded()).toHaveLength(1);
  await iptables('-A', 'FORWARD', '-s', '198.51.100.2', '-j', 'DROP');
  expect(await forwarded()).toHaveLength(2);
  await iptables('-D', 'FORWARD', '1');
  expect(await forwarded()).toHaveLength(1);
  await run('nft', ['flush', 'ruleset'], { namespace, timeoutMs: 20_000 });
  expect((await ruleset.read()).tables.get('filter')).toBeUndefined();
});

/** By iptables-restore, as the reconciler gives them. */
async function restore(...lines: readonly string[]): Promise<void> {
  const whole = ['*filter', ...lines, 'COMMIT', '*nat', ':MESH-B - [0:0]', 'COMMIT'];
  await run('iptables-restore', ['--noflush', '-w'], { namespace, input: `${whole.join('\n')}\n`, timeoutMs: 20_000 });
  let table: 'filter' | 'nat' = 'filter';
  ruleset.restored(whole.map((text) => {
    if (text.startsWith('*')) table = text === '*nat' ? 'nat' : 'filter';
    return { text, table };
  }));
}
const asRead = async () => {
  const fresh = new Ruleset(namespace);
  try {
    return (await fresh.read()).tables;
  } finally {
    fresh.close();
  }
};
/** What our own rules are told apart by; counters and the order of chains are not. */
const rulesOf = (tables: Awaited<ReturnType<typeof asRead>>) =>
  Object.fromEntries([...tables].map(([table, { chains }]) => [table, Object.fromEntries([...chains].map(([chain, { policy, rules }]) => [chain, { policy, rules: rules.map(({ words }) => words) }]))]));

test('after changes of our own no program is started to see what they came to, and what is known is what the kernel has', async () => {
  await iptables('-t', 'nat', '-N', 'ANYBODY');
  const before = await ruleset.read();
  await restore(':MESH-A - [0:0]', '-A MESH-A -s 198.51.100.7/32 -j ACCEPT', '-I MESH-A 1 -d 198.51.100.8/32 -p tcp -m tcp --dport 80 -j ACCEPT', '-I FORWARD 1 -j MESH-A');
  const known = await ruleset.read();
  // The very chain: it was not read again.
  expect(known.tables.get('nat')?.chains.get('ANYBODY')).toBe(before.tables.get('nat')?.chains.get('ANYBODY'));
  expect(rulesOf(known.tables)).toEqual(rulesOf(await asRead()));

  await run('iptables-restore', ['--noflush', '-w'], { namespace, input: '*nat\n-X MESH-B\nCOMMIT\n', timeoutMs: 20_000 });
  ruleset.restored([{ text: '*nat', table: 'nat' }, { text: '-X MESH-B', table: 'nat' }, { text: 'COMMIT', table: 'nat' }]);
  await restore('-D MESH-A 1', '-D FORWARD -j MESH-A', '-F MESH-A', '-X MESH-A');
  expect(rulesOf((await ruleset.read()).tables)).toEqual(rulesOf(await asRead()));
});

test('what somebody does while we change rules is seen, not taken for ours', async () => {
  await iptables('-t', 'nat', '-N', 'ANYBODY');
  await ruleset.read();
  const restoring = restore('-A FORWARD -s 198.51.100.9/32 -j DROP');
  await iptables('-I', 'FORWARD', '1', '-s', '198.51.100.2', '-j', 'DROP');
  await restoring;
  expect(rulesOf((await ruleset.read()).tables)).toEqual(rulesOf(await asRead()));
  expect(await forwarded()).toHaveLength(3);
});

test('a ruleset that was refused is read again', async () => {
  const before = await ruleset.read();
  await expect(iptables('-A', 'NOWHERE', '-j', 'DROP')).rejects.toThrow(CommandError);
  ruleset.forget();
  const after = await ruleset.read();
  expect(after).not.toBe(before);
  expect(after.tables.get('filter')?.chains.get('FORWARD')?.rules).toEqual(before.tables.get('filter')?.chains.get('FORWARD')?.rules);
});
