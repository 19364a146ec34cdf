/**
 * Can rules match by sets here? Tried out, in a namespace that nobody sees: the kernel's modules, the types, and what
 * iptables knows of them must all be there, and a rule that is refused only when it is needed would come too late.
 */
import { addEntries, createSet, createUnnamedNamespace, IpSets, run, type NetworkNamespace, type NewIpSet } from '../../../native/index.js';
import * as rules from '../../plan/rules.js';
import { asError } from '../errors.js';
import { writeRule } from '../iptables/words.js';

const timeoutMs = 20_000;
/** A module may be loaded meanwhile. */
const againAfterMs = 60_000;

export class SetSupport {
  private last: { readonly why: string | null; readonly at: number } | undefined;

  /** Null: they can. Asked anew only where it was not so a minute ago. */
  async whyNot(): Promise<string | null> {
    const { last } = this;
    if (last !== undefined && (last.why === null || performance.now() - last.at < againAfterMs)) return last.why;
    const why = await tryOut();
    this.last = { why, at: performance.now() };
    return why;
  }
}

async function tryOut(): Promise<string | null> {
  let namespace: NetworkNamespace | undefined;
  try {
    namespace = createUnnamedNamespace('of a try of sets');
    makeSets(namespace);
    await run('iptables-restore', ['--noflush', '-w'], { namespace, input: rulesText(), timeoutMs });
    return null;
  } catch (error) {
    return asError(error).message.split('\n', 1)[0] ?? '';
  } finally {
    namespace?.close();
  }
}

const ports = 'ports';
const endpoints = 'endpoints';
const addresses = 'addresses';

function makeSets(namespace: NetworkNamespace): void {
  const sets = IpSets.open(namespace);
  try {
    const marked: NewIpSet = { name: ports, type: 'bitmap:port', withMarks: true, expected: 1 };
    const others: NewIpSet[] = [
      { name: endpoints, type: 'hash:ip,port', withMarks: false, expected: 1 },
      { name: addresses, type: 'hash:ip', withMarks: false, expected: 1 },
    ];
    sets.execute([marked, ...others].map(createSet));
    sets.execute(addEntries(marked, [{ port: 80, mark: 1 }]));
  } finally {
    sets.close();
  }
}

/** One of each shape, in the tables that they are for. */
function rulesText(): string {
  return [
    '*mangle', `-A PREROUTING ${writeRule(rules.markBySet('lo', 'tcp', ports))}`, 'COMMIT',
    '*nat', `-A PREROUTING ${writeRule(rules.publishSet('tcp', ports, '127.0.0.1'))}`, 'COMMIT',
    '*filter', `-A FORWARD ${writeRule(rules.admitSet('lo', 'lo', endpoints))}`, `-A FORWARD ${writeRule(rules.sortOutPeersOfSet('lo', addresses, 'ACCEPT'))}`, 'COMMIT', '',
  ].join('\n');
}
