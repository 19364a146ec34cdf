/**
 * IPv4 policy routing rules. In namespaces of others only those with our protocol number are looked at. In our own the
 * kernel's three default rules belong to what must be there: `ip rule flush` takes them, and all routing with them.
 */
import { addRule, deleteRule, type NewRule, type Rule as KernelRule } from '../../native/index.js';
import { protocols } from '../cluster/state.js';
import { hexOf, protocolNumbers } from '../plan/fwmark.js';
import type { PlacePlan } from '../plan/node-plan.js';
import type { RoutingRule } from '../plan/objects.js';
import { sendWith } from './batch.js';
import type { OpenPlace } from './machine.js';
import { routeProtocol } from './marks.js';
import { ownsWholly } from './ownership.js';
import { applying, diffObjects, objectOf, observing, type ObjectChange, type ObjectKind, type PlacePair, type Reconciler } from './reconciler.js';
import { rulesOf, type ObservedRule } from './state.js';

export type RuleChange = ObjectChange<'rule', RoutingRule, ObservedRule>;

const rules: ObjectKind<RoutingRule, ObservedRule> = {
  keyOf: (rule: ObservedRule) => `${describe(rule)}${rule.raw === undefined ? '' : ` ${JSON.stringify(rule.raw)}`}`,
  equal: () => true,
  describe: (rule: ObservedRule) => `${describe(rule)}${rule.raw === undefined ? '' : ' (with other selectors)'}`,
};

export const ruleReconciler: Reconciler<'rule', RuleChange> = {
  observe: observing(readRules),
  diff: (pairs) => pairs.flatMap(diffRules),
  apply: applying((open, changes, machine) =>
    sendWith(
      changes,
      (change) => {
        if (change.desired !== null) return [addRule({ ...kernelRuleOf(change.desired), protocol: routeProtocol })];
        const { raw, ...plain }: ObservedRule = objectOf(change);
        const rule = raw ?? kernelRuleOf(plain);
        return [deleteRule(machine.locationOf(open.place)?.named === true ? rule : { ...rule, protocol: routeProtocol })];
      },
      // Made by somebody between the look and now: there is what we want.
      (messages) => open.routes().request(messages).map((result) => (!result.ok && 'code' in result.error && result.error.code === 'EEXIST' ? { ok: true, replies: [] } : result)),
    ),
  ),
};

function diffRules({ desired, observed }: PlacePair): RuleChange[] {
  // A namespace that is yet to be made will have the kernel's own.
  const isNew = ownsWholly(desired) && !observed.namespace.present;
  return diffObjects('rule', desired.place, rules, rulesOf(desired), isNew ? rulesOf({ ...desired, rules: [] }) : observed.rule);
}

/** As `ip rule` prints it. */
function describe({ priority, from, mark, sourcePort, suppressPrefixLength, table }: RoutingRule): string {
  const words = [`rule ${priority}:`, `from ${from ?? 'all'}`];
  if (mark !== undefined) words.push(`fwmark ${hexOf(mark.value)}/${hexOf(mark.mask)}`);
  if (sourcePort !== undefined) words.push(`ipproto ${sourcePort.protocol} sport ${sourcePort.port}`);
  words.push(`lookup ${table}`);
  if (suppressPrefixLength !== undefined) words.push(`suppress_prefixlength ${suppressPrefixLength}`);
  return words.join(' ');
}

function kernelRuleOf({ priority, from, mark, sourcePort, suppressPrefixLength, table }: RoutingRule): NewRule {
  return {
    family: 'inet',
    priority,
    table,
    ...(from === undefined ? {} : { from: `${from}/32` }),
    ...(mark === undefined ? {} : { fwmark: mark.value, fwmask: mark.mask }),
    ...(sourcePort === undefined
      ? {}
      : { ipProtocol: protocolNumbers[sourcePort.protocol], sourcePorts: { first: sourcePort.port, last: sourcePort.port } }),
    ...(suppressPrefixLength === undefined ? {} : { suppressPrefixLength }),
  };
}

function readRules(open: OpenPlace, plan: PlacePlan): ObservedRule[] {
  return open
    .routes()
    .rules('inet')
    .filter((rule) => ownsWholly(plan) || rule.protocol === routeProtocol)
    .map((rule) => {
      const planned = planRuleOf(rule);
      return planned ?? { priority: rule.priority, table: rule.table ?? 0, raw: rule };
    });
}

/** Null for a rule that no plan can mean. */
function planRuleOf(rule: KernelRule): RoutingRule | null {
  const { priority, table, from, fwmark, fwmask, ipProtocol, sourcePorts, suppressPrefixLength } = rule;
  const isPlain =
    rule.action === 'lookup' &&
    rule.to === undefined &&
    rule.inputInterface === undefined &&
    rule.outputInterface === undefined &&
    rule.destinationPorts === undefined &&
    !rule.isInverted;
  const protocol = protocols.find((name) => protocolNumbers[name] === ipProtocol);
  const isByPort = protocol !== undefined && sourcePorts !== undefined && sourcePorts.first === sourcePorts.last;
  const selectorsFit = isByPort || (ipProtocol === undefined && sourcePorts === undefined);
  if (!isPlain || !selectorsFit || table === undefined || (from !== undefined && !from.endsWith('/32'))) return null;
  return {
    priority,
    table,
    ...(from === undefined ? {} : { from: from.slice(0, -'/32'.length) }),
    ...(fwmark === undefined || fwmark === 0 ? {} : { mark: { value: fwmark, mask: fwmask ?? 0xffffffff } }),
    ...(isByPort ? { sourcePort: { protocol, port: sourcePorts.first } } : {}),
    ...(suppressPrefixLength === undefined ? {} : { suppressPrefixLength }),
  };
}
