/**
 * Removes every trace of ours from the node: no Docker, no plan, no running controller needed. Idempotent.
 *
 * On the way down as ever: no traffic is sent (iptables) before what carries it goes.
 */
import { existsSync } from 'node:fs';

import {
  CommandError,
  deleteLink,
  deleteNamedNamespace,
  deleteRoute,
  deleteRule,
  describeRoute,
  describeRule,
  flushServices,
  listNamedNamespaces,
  readSysctl,
  writeSysctl,
  type Link,
  type NetlinkMessage,
  type NetlinkResult,
} from '../../native/index.js';
import type { Place } from '../plan/objects.js';
import { placePlan } from '../plan/place.js';
import { goneCodes } from './batch.js';
import { BeforeUs } from './before-us.js';
import type { Action, Change, Kind } from './change.js';
import { asError } from './errors.js';
import { diffIptables } from './iptables/diff.js';
import { deleteEmptyTable, emptyTables } from './iptables/empty-tables.js';
import { applyIptables } from './iptables/reconciler.js';
import type { Ruleset } from './iptables/ruleset.js';
import { viewOf } from './iptables/view.js';
import { Machine, type MachineOptions, type OpenPlace } from './machine.js';
import { linkAlias } from './marks.js';
import { isKernelDevice } from './ownership.js';
import { diffSets } from './set/diff.js';
import { readSets } from './set/observe.js';
import type { Refusal } from './reconciler.js';
import { applySets } from './set/reconciler.js';
import { emptyState } from './state.js';
import { inNamespace, taskNamespacesWithTraces } from './traces.js';

export interface CleanupOptions extends MachineOptions {
  /** True: says what it would remove, and leaves it there. */
  readonly dryRun?: boolean;
}

export interface CleanupResult {
  readonly removed: readonly Change[];
  readonly failed: readonly { readonly change: Change; readonly message: string }[];
}

export async function cleanup(options: CleanupOptions): Promise<CleanupResult> {
  const machine = await Machine.create(options);
  try {
    return await new Cleanup(machine, options.dryRun === true).run();
  } finally {
    machine.close();
  }
}

class Cleanup {
  private readonly removed: Change[] = [];
  private readonly failed: { change: Change; message: string }[] = [];
  private readonly before: BeforeUs;

  constructor(
    private readonly machine: Machine,
    private readonly dryRun: boolean,
  ) {
    this.before = new BeforeUs(machine.settings.stateFolder);
  }

  async run(): Promise<CleanupResult> {
    const { sandbox, fabric } = this.machine.settings.names;
    this.machine.locate([
      { place: 'sandbox', namespace: { path: `/run/netns/${sandbox}`, named: true } },
      { place: 'fabric', namespace: { path: `/run/netns/${fabric}`, named: true } },
    ]);
    await this.part(changeOf('iptables', 'host', 'iptables'), () => this.cleanIptables());
    await this.part(changeOf('set', 'host', 'sets'), () => this.cleanSets());
    await this.part(changeOf('rule', 'host', 'tasks'), () => this.cleanTasks());
    await this.part(changeOf('namespace', 'sandbox', `network namespace ${sandbox}`), () => this.cleanOwnNamespace('sandbox', sandbox));
    await this.part(changeOf('namespace', 'fabric', `network namespace ${fabric}`), () => this.cleanOwnNamespace('fabric', fabric));
    await this.part(changeOf('link', 'host', 'links'), () => this.cleanHostLinks());
    await this.part(changeOf('sysctl', 'host', 'settings'), () => this.restoreSysctls());
    if (!this.dryRun && this.failed.length === 0) this.before.forget();
    return { removed: this.removed, failed: this.failed };
  }

  /** One part that fails keeps no other from being cleaned. */
  private async part(change: Change, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.failed.push({ change, message: asError(error).message });
    }
  }

  private async cleanIptables(): Promise<void> {
    const nothing = placePlan({ place: 'host', namespace: null });
    const ruleset = this.machine.require('host').ruleset();
    try {
      const observed = { ...emptyState('host'), iptables: viewOf(await ruleset.read(), nothing, this.machine.settings.names) };
      const changes = diffIptables({ desired: nothing, observed });
      this.recordAll(changes, this.dryRun ? [] : await applyIptables(ruleset, changes, true));
      if (!this.dryRun) await this.cleanEmptyTables(ruleset);
    } catch (error) {
      // Without the command there never were rules of ours.
      if (!(error instanceof CommandError && error.reason === 'ENOENT')) throw error;
    }
  }

  private async cleanEmptyTables(ruleset: Ruleset): Promise<void> {
    const document = await ruleset.read();
    for (const table of emptyTables(document, this.before.read().absentTables)) {
      if (await deleteEmptyTable(this.machine.host, document, table)) this.record(changeOf('iptables', 'host', `table ${table} (empty)`));
    }
  }

  /** After the rules that ask them. Those of our own namespaces go with them. */
  private async cleanSets(): Promise<void> {
    const open = this.machine.require('host');
    const nothing = placePlan({ place: 'host', namespace: null });
    const changes = diffSets({ desired: nothing, observed: { ...emptyState('host'), set: readSets(open, nothing) } });
    this.recordAll(changes, this.dryRun || changes.length === 0 ? [] : await applySets(open.sets(), changes));
  }

  private cleanTasks(): void {
    for (const { path, links, routes, rules } of taskNamespacesWithTraces(this.machine)) {
      const place: Place = `task:${path}`;
      inNamespace(path, (_namespace, socket) =>
        this.send(
          [
            ...rules.map((rule): Step => [changeOf('rule', place, `rule ${describeRule(rule)}`), deleteRule(rule)]),
            ...routes.map((route): Step => [changeOf('route', place, `route ${describeRoute(route)}`), deleteRoute(route)]),
            ...links.map((link): Step => [linkChange(place, link), deleteLink(link.index)]),
          ],
          (messages) => socket.request(messages),
        ),
      );
    }
  }

  /** Links go before the namespace: a namespace dies some time after its name, its cables at once. */
  private cleanOwnNamespace(place: Place, name: string): void {
    const open = this.machine.open(place);
    if (open !== undefined) {
      if (place === 'sandbox' && !this.dryRun) flushIpvs(open);
      const links = open.links().filter((link) => !isKernelDevice(link.name));
      this.send(links.map((link) => [linkChange(place, link), deleteLink(link.index)]), (messages) => open.routes().request(messages));
    }
    this.machine.forget(place);
    if (!listNamedNamespaces().some((named) => named.name === name)) return;
    if (!this.dryRun) deleteNamedNamespace(name);
    this.record(changeOf('namespace', place, `network namespace ${name}`));
  }

  private cleanHostLinks(): void {
    const open = this.machine.require('host');
    open.forgetLinks();
    const links = open.links().filter(({ name, kind, alias }) => (name === this.machine.settings.names.gatewayBridge && kind === 'bridge') || alias === linkAlias);
    this.send(links.map((link) => [linkChange('host', link), deleteLink(link.index)]), (messages) => open.routes().request(messages));
  }

  private restoreSysctls(): void {
    for (const [path, value] of Object.entries(this.before.read().sysctls)) {
      const parts = path.split('/');
      const now = readSysctl(parts, this.machine.host);
      if (now === undefined || now === value) continue; // Went with its device, or is as it was.
      const change = changeOf('sysctl', 'host', `sysctl ${path} = ${value} (was ${now})`, 'change');
      try {
        if (!this.dryRun) writeSysctl(parts, value, this.machine.host);
        this.record(change);
      } catch (error) {
        this.record(change, asError(error));
      }
    }
  }

  private send(steps: readonly Step[], request: (messages: readonly NetlinkMessage[]) => readonly NetlinkResult[]): void {
    const results = this.dryRun ? [] : request(steps.map(([, message]) => message));
    steps.forEach(([change], index) => {
      const result = results[index];
      if (result === undefined || result.ok) this.record(change);
      else if (!('code' in result.error && goneCodes.has(result.error.code))) this.record(change, result.error);
    });
  }

  private recordAll(changes: readonly Change[], refusals: readonly Refusal[]): void {
    const errors = new Map<Change, Error>(refusals.map(({ change, error }) => [change, error]));
    for (const change of changes) this.record(change, errors.get(change));
  }

  private record(change: Change, error?: Error): void {
    if (error === undefined) this.removed.push(change);
    else this.failed.push({ change, message: error.message });
  }
}

type Step = [Change, NetlinkMessage];

function changeOf(kind: Kind, place: Place, summary: string, action: Action = 'remove'): Change {
  return { kind, place, action, key: summary, summary };
}

function linkChange(place: Place, { name, kind }: Link): Change {
  return changeOf('link', place, `link ${name}${kind === undefined ? '' : ` (${kind})`}`);
}

function flushIpvs(open: OpenPlace): void {
  // Where the module is not loaded there is nothing to flush, and no reason to load it.
  if (!existsSync('/sys/module/ip_vs')) return;
  try {
    open.ipvs().execute([flushServices()]);
  } catch {
    // The namespace takes its IPVS along.
  }
}
