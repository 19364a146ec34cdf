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

test('a ruleset that was refused is read again', async () => {
  const before = await ruleset.read();
  await expect(iptables('-A', 'NOWHERE', '-j', 'DROP')).rejects.toThrow(CommandError);
  ruleset.forget();
  const after = await ruleset.read();
  expect(after).not.toBe(before);
  expect(after.tables.get('filter')?.chains.get('FORWARD')?.rules).toEqual(before.tables.get('filter')?.chains.get('FORWARD')?.rules);
});
