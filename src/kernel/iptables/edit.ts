/**
 * Changes → the lines of one `iptables-restore --noflush`. Pure.
 *
 * Rules that stay are not touched, so that their counters live on: chains are edited by `-D CHAIN N` and
 * `-I CHAIN N RULE`, never flushed and written anew. Rules in chains of others are deleted by their words, never by
 * number: the number may be somebody else's by the time it is read.
 */
import type { IptablesTable, OwnedChain, RuleWords } from '../../plan/iptables.js';
import { numbered, type IptablesChange } from './diff.js';
import { chainOf, isBuiltIn, type IptablesDocument } from './document.js';
import { longestCommonOrder } from './order.js';
import { indexOfPlacement, seatOf } from './placement.js';
import { ruleKey, writeChain, writeRule } from './words.js';

export interface RestoreLine {
  readonly text: string;
  /** What asked for it; null when that can't be told. */
  readonly change: IptablesChange | null;
}

export interface TableEdit {
  readonly table: IptablesTable;
  readonly lines: readonly RestoreLine[];
}

/** On the way up packets are accepted before they are sent there (filter before nat); on the way down the other way round. */
const buildOrder: readonly IptablesTable[] = ['raw', 'mangle', 'filter', 'nat'];

export interface EditOptions {
  /**
   * False: chains and rules that are missing or misplaced are put in place, rules that should not be there stay. True:
   * those go.
   */
  readonly teardown: boolean;
  /** Rules that were refused before, by `placedRuleKey`: they are done without. */
  readonly without?: ReadonlySet<string>;
}

export function placedRuleKey(chain: Pick<OwnedChain, 'table' | 'chain'>, rule: RuleWords): string {
  return `${chain.table} ${chain.chain} ${ruleKey(rule)}`;
}

/** @throws {UnsafeWordError} */
export function editsOf(document: IptablesDocument, changes: readonly IptablesChange[], { teardown, without = new Set() }: EditOptions): TableEdit[] {
  const order = teardown ? [...buildOrder].reverse() : buildOrder;
  return order.flatMap((table) => {
    const own = changes.filter((change) => tableOf(change) === table);
    const lines = [...chainLines(document, own, { teardown, without }), ...guestLines(document, own, teardown), ...deletionLines(document, own)];
    const declarations = lines.filter(({ text }) => text.startsWith(':'));
    const rest = lines.filter(({ text }) => !text.startsWith(':'));
    return lines.length === 0 ? [] : [{ table, lines: [...declarations, ...rest] }];
  });
}

/** The text for iptables-restore; line n of it is `linesOf(edits)[n - 1]`. */
export function linesOf(edits: readonly TableEdit[]): (RestoreLine & { readonly table: IptablesTable })[] {
  return edits.flatMap(({ table, lines }) => [
    { text: `*${table}`, change: null, table },
    ...lines.map((line) => ({ ...line, table })),
    { text: 'COMMIT', change: null, table },
  ]);
}

export function tableOf({ subject }: IptablesChange): IptablesTable {
  return subject.type === 'guest' ? subject.guest.table : subject.chain.table;
}

/** Chains that should be there, with the changes of each. */
function chainLines(document: IptablesDocument, changes: readonly IptablesChange[], { teardown, without }: Required<EditOptions>): RestoreLine[] {
  const chains = new Map<string, { desired: OwnedChain; changes: IptablesChange[] }>();
  for (const change of changes) {
    if (change.subject.type === 'guest' || change.subject.desired === null) continue;
    const { desired } = change.subject;
    const known = chains.get(desired.chain);
    if (known === undefined) chains.set(desired.chain, { desired, changes: [change] });
    else known.changes.push(change);
  }
  return [...chains.values()].flatMap(({ desired, changes: own }) =>
    teardown ? removalsFrom(document, desired, own) : [...declaration(document, desired, own), ...insertionsInto(document, desired, own, without)],
  );
}

function declaration(document: IptablesDocument, desired: OwnedChain, changes: readonly IptablesChange[]): RestoreLine[] {
  const existing = chainOf(document, desired.table, desired.chain);
  if (existing !== undefined && (desired.policy === undefined || existing.policy === desired.policy)) return [];
  const policy = desired.policy ?? (isBuiltIn(desired.table, desired.chain) ? 'ACCEPT' : '-');
  return [{ text: `:${writeChain(desired.chain)} ${policy} [0:0]`, change: changes.find(({ subject }) => subject.type === 'chain') ?? null }];
}

/**
 * Puts in what is missing and moves what is out of order; what should not be there keeps its place. Surplus copies of
 * a wanted rule go at once: later nobody could tell which of them stands where it should.
 */
function insertionsInto(document: IptablesDocument, desired: OwnedChain, changes: readonly IptablesChange[], without: ReadonlySet<string>): RestoreLine[] {
  const chain = writeChain(desired.chain);
  const changeOf = changesByRule(changes);
  const rules = numbered(rulesOf(document, desired));
  const present = [...rules.keys()];
  const wanted = numbered(desired.rules.filter((rule) => !without.has(placedRuleKey(desired, rule))));
  const kept = longestCommonOrder([...wanted.keys()], present);
  const wantedRules = new Set([...wanted.values()].map(ruleKey));
  const isMisplaced = (key: string): boolean => !kept.has(key) && wantedRules.has(ruleKey(rules.get(key) ?? []));

  const lines: RestoreLine[] = [];
  present.forEach((key, index) => {
    if (isMisplaced(key)) lines.unshift({ text: `-D ${chain} ${index + 1}`, change: changeOf(rules.get(key) ?? []) });
  });
  const staying = present.filter((key) => !isMisplaced(key));
  let passed = 0;
  let inserted = 0;
  for (const [key, rule] of wanted) {
    if (kept.has(key)) {
      while (staying[passed] !== key) passed += 1;
      passed += 1;
      continue;
    }
    const where = passed === staying.length ? `-A ${chain}` : `-I ${chain} ${passed + inserted + 1}`;
    lines.push({ text: `${where} ${writeRule(rule)}`, change: changeOf(rule) });
    inserted += 1;
  }
  return lines;
}

function removalsFrom(document: IptablesDocument, desired: OwnedChain, changes: readonly IptablesChange[]): RestoreLine[] {
  const chain = writeChain(desired.chain);
  const changeOf = changesByRule(changes);
  const wanted = numbered(desired.rules);
  const lines: RestoreLine[] = [];
  [...numbered(rulesOf(document, desired))].forEach(([key, rule], index) => {
    if (!wanted.has(key)) lines.unshift({ text: `-D ${chain} ${index + 1}`, change: changeOf(rule) });
  });
  return lines;
}

function guestLines(document: IptablesDocument, changes: readonly IptablesChange[], teardown: boolean): RestoreLine[] {
  const lines: RestoreLine[] = [];
  const rules = new Map<string, RuleWords[]>();
  for (const change of changes) {
    if (change.subject.type !== 'guest') continue;
    const { guest, rank } = change.subject;
    const chain = writeChain(guest.chain);
    const text = writeRule(guest.rule);
    const current = rules.get(chain) ?? [...rulesOf(document, guest)];
    const seat = seatOf(guest, rank, current);
    if (!teardown && seat.copies === 1 && seat.placed) continue;

    for (let copy = 0; copy < seat.copies; copy += 1) lines.push({ text: `-D ${chain} ${text}`, change });
    const others = current.filter((words) => ruleKey(words) !== ruleKey(guest.rule));
    if (!teardown) {
      const index = Math.min(indexOfPlacement(guest.placement, rank, others) ?? others.length, others.length);
      lines.push({ text: index === others.length ? `-A ${chain} ${text}` : `-I ${chain} ${index + 1} ${text}`, change });
      others.splice(index, 0, guest.rule);
    }
    rules.set(chain, others);
  }
  return lines;
}

/** Chains that should not be there: emptied first, all of them, since they may jump to each other. */
function deletionLines(document: IptablesDocument, changes: readonly IptablesChange[]): RestoreLine[] {
  const doomed = changes.flatMap((change) =>
    change.subject.type === 'chain' && change.subject.desired === null && chainOf(document, change.subject.chain.table, change.subject.chain.chain) !== undefined
      ? [{ change, chain: writeChain(change.subject.chain.chain) }]
      : [],
  );
  return [
    ...doomed.map(({ change, chain }) => ({ text: `-F ${chain}`, change })),
    ...doomed.map(({ change, chain }) => ({ text: `-X ${chain}`, change })),
  ];
}

function rulesOf(document: IptablesDocument, { table, chain }: { readonly table: string; readonly chain: string }): RuleWords[] {
  return chainOf(document, table, chain)?.rules.map(({ words }) => words) ?? [];
}

function changesByRule(changes: readonly IptablesChange[]): (rule: RuleWords) => IptablesChange | null {
  const byRule = new Map(changes.flatMap((change) => (change.subject.type === 'rule' ? [[ruleKey(change.subject.rule), change]] : [])));
  return (rule) => byRule.get(ruleKey(rule)) ?? null;
}
