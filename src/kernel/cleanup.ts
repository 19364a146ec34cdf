/**
 * Removes every trace of ours from the node: no Docker, no plan, no running controller needed. Idempotent.
 *
 * On the way down as ever: no traffic is sent (iptables) before what carries it goes.
 */
import { existsSync } from 'node:fs';

import { CommandError, deleteLink, deleteNamedNamespace, deleteRoute, deleteRule, describeRoute, describeRule, flushServices, listNamedNamespaces, type NetlinkMessage, type NetlinkResult, writeSysctl } from '../../native/index.js';
import { placePlan } from '../plan/place.js';
import type { Place } from '../plan/objects.js';
import { goneCodes } from './batch.js';
import { asError } from './errors.js';
import { diffIptables } from './iptables/diff.js';
import { applyIptables, readIptables } from './iptables/reconciler.js';
import { viewOf } from './iptables/view.js';
import { Machine, type MachineOptions, type OpenPlace } from './machine.js';
import { linkAlias } from './marks.js';
import { isKernelDevice } from './ownership.js';
import { PreviousSysctls } from './previous-sysctls.js';
import { emptyState } from './state.js';
import { inNamespace, taskNamespacesWithTraces } from './traces.js';

export interface CleanupResult {
  /** One line each, for a person. */
  readonly removed: readonly string[];
  /** What could not be removed, and why. */
  readonly failed: readonly string[];
}

interface Report {
  readonly removed: string[];
  readonly failed: string[];
}

export async function cleanup(options: MachineOptions): Promise<CleanupResult> {
  const machine = await Machine.create(options);
  const { names } = options.settings;
  const report: Report = { removed: [], failed: [] };
  try {
    machine.locate([
      { place: 'sandbox', namespace: { path: `/run/netns/${names.sandbox}`, named: true } },
      { place: 'fabric', namespace: { path: `/run/netns/${names.fabric}`, named: true } },
    ]);
    await attempt(report, 'iptables of the host', () => cleanIptables(machine, report));
    await attempt(report, 'tasks', () => cleanTasks(machine, report));
    for (const place of ['sandbox', 'fabric'] as const) {
      await attempt(report, place, () => cleanOwnNamespace(machine, place, names[place], report));
    }
    await attempt(report, 'links of the host', () => cleanHostLinks(machine, report));
    await attempt(report, 'settings of the host', () => restoreSysctls(machine, report));
  } finally {
    machine.close();
  }
  return report;
}

/** One part that fails keeps no other from being cleaned. */
async function attempt(report: Report, what: string, work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    report.failed.push(`${what}: ${asError(error).message}`);
  }
}

async function cleanIptables(machine: Machine, report: Report): Promise<void> {
  const nothing = placePlan({ place: 'host', namespace: null });
  try {
    const document = await readIptables(machine.host);
    const observed = { ...emptyState('host'), iptables: viewOf(document, nothing, machine.settings.names) };
    const changes = diffIptables({ desired: nothing, observed });
    for (const { change, error } of await applyIptables(machine.host, changes, true)) {
      if (error === undefined) report.removed.push(`host: ${change.summary}`);
      else report.failed.push(`host: ${change.summary}: ${error.message}`);
    }
  } catch (error) {
    // Without the command there never were rules of ours.
    if (!(error instanceof CommandError && error.reason === 'ENOENT')) throw error;
  }
}

function cleanTasks(machine: Machine, report: Report): void {
  for (const { path, links, routes, rules } of taskNamespacesWithTraces(machine)) {
    inNamespace(path, (_namespace, socket) => {
      const todo: [string, NetlinkMessage][] = [
        ...rules.map((rule): [string, NetlinkMessage] => [`rule ${describeRule(rule)}`, deleteRule(rule)]),
        ...routes.map((route): [string, NetlinkMessage] => [`route ${describeRoute(route)}`, deleteRoute(route)]),
        ...links.map((link): [string, NetlinkMessage] => [`link ${link.name}`, deleteLink(link.index)]),
      ];
      record(report, path, todo, socket.request(todo.map(([, message]) => message)));
    });
  }
}

/** Links go before the namespace: a namespace dies some time after its name, its cables at once. */
function cleanOwnNamespace(machine: Machine, place: Place, name: string, report: Report): void {
  const open = machine.open(place);
  if (open !== undefined) {
    if (place === 'sandbox') flushIpvs(open);
    const todo = open
      .links()
      .filter((link) => !isKernelDevice(link.name))
      .map((link): [string, NetlinkMessage] => [`link ${link.name}`, deleteLink(link.index)]);
    record(report, name, todo, open.routes().request(todo.map(([, message]) => message)));
  }
  machine.forget(place);
  if (listNamedNamespaces().some((named) => named.name === name) && deleteNamedNamespace(name)) report.removed.push(`network namespace ${name}`);
}

function flushIpvs(open: OpenPlace): void {
  // Where the module is not loaded there is nothing to flush, and no reason to load it.
  if (!existsSync('/proc/net/ip_vs')) return;
  try {
    open.ipvs().execute([flushServices()]);
  } catch {
    // The namespace takes its IPVS along.
  }
}

function cleanHostLinks(machine: Machine, report: Report): void {
  const open = machine.require('host');
  open.forgetLinks();
  const todo = open
    .links()
    .filter(({ name, kind, alias }) => (name === machine.settings.names.gatewayBridge && kind === 'bridge') || alias === linkAlias)
    .map((link): [string, NetlinkMessage] => [`link ${link.name}`, deleteLink(link.index)]);
  record(report, 'host', todo, open.routes().request(todo.map(([, message]) => message)));
}

function restoreSysctls(machine: Machine, report: Report): void {
  const previous = new PreviousSysctls(machine.settings.stateFolder);
  for (const [path, value] of previous.read()) {
    try {
      writeSysctl(path.split('/'), value, machine.host);
      report.removed.push(`host: sysctl ${path} restored to ${value}`);
    } catch (error) {
      if (!existsOnHost(error)) continue; // Went with its device.
      report.failed.push(`host: sysctl ${path}: ${asError(error).message}`);
    }
  }
  previous.forget();
}

function existsOnHost(error: unknown): boolean {
  return (error as { code?: unknown }).code !== 'ENOENT';
}

function record(report: Report, where: string, todo: readonly [string, NetlinkMessage][], results: readonly NetlinkResult[]): void {
  todo.forEach(([text], index) => {
    const result = results[index];
    if (result === undefined) return;
    if (result.ok) report.removed.push(`${where}: ${text}`);
    else if (!('code' in result.error && goneCodes.has(result.error.code))) report.failed.push(`${where}: ${text}: ${result.error.message}`);
  });
}
