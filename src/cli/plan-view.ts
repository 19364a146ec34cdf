/** Changes for eyes: a diff by place and kind, in the order in which they would be made. */
import type { Condition } from '../cluster/condition.js';
import { kinds, type Action, type Change } from '../kernel/change.js';
import type { NodePlan } from '../plan/node-plan.js';
import { printable } from '../printable.js';
import type { Output } from './output.js';
import { wrap } from './table.js';

const signs: Readonly<Record<Action, string>> = { add: '+', change: '~', remove: '-' };

export interface PlanCounts {
  readonly add: number;
  readonly change: number;
  readonly remove: number;
}

export function countChanges(changes: readonly Change[]): PlanCounts {
  const count = (action: Action): number => changes.filter((change) => change.action === action).length;
  return { add: count('add'), change: count('change'), remove: count('remove') };
}

/** `ports` give the tasks their names; cleanup has none, and knows tasks by their namespaces. */
export function renderChanges(changes: readonly Change[], ports: NodePlan['ports'], output: Pick<Output, 'colours'>): string[] {
  const { colours } = output;
  const paints: Readonly<Record<Action, (text: string) => string>> = { add: colours.green, change: colours.yellow, remove: colours.red };
  const places = [...new Set(changes.map((change) => change.place))];
  return places.flatMap((place) => {
    const inPlace = changes.filter((change) => change.place === place);
    const lines = kinds.flatMap((kind) => {
      const ofKind = inPlace.filter((change) => change.kind === kind);
      if (ofKind.length === 0) return [];
      return [`  ${colours.dim(kind)}`, ...ofKind.map((change) => `    ${paints[change.action](`${signs[change.action]} ${printable(change.summary)}`)}`)];
    });
    return [colours.bold(placeTitle(place, ports)), ...lines, ''];
  });
}

function placeTitle(place: Change['place'], ports: NodePlan['ports']): string {
  if (!place.startsWith('task:')) return place;
  const id = place.slice('task:'.length);
  const name = ports.flatMap((port) => port.backends).find((backend) => backend.taskId === id)?.taskName;
  return printable(name === undefined ? `task in ${id}` : `task ${name} (${id.slice(0, 12)})`);
}

export function renderPlan(changes: readonly Change[], plan: NodePlan, output: Output): string {
  const { add, change, remove } = countChanges(changes);
  const { colours } = output;
  const accepting = plan.ports.filter((port) => port.accepting);
  const total =
    changes.length === 0
      ? colours.green(`Nothing to do: this node is as planned (${accepting.length} published ${accepting.length === 1 ? 'port' : 'ports'}).`)
      : `To do: ${colours.green(`${add} to add`)}, ${colours.yellow(`${change} to change`)}, ${colours.red(`${remove} to remove`)}. Nothing was changed; \`routemesh run\` does it.`;
  return `${[...renderChanges(changes, plan.ports, output), ...renderConditions(plan.conditions, output), total].join('\n')}\n`;
}

function renderConditions(conditions: readonly Condition[], { colours, columns }: Output): string[] {
  if (conditions.length === 0) return [];
  const width = columns === null ? null : Math.max(20, columns - 4);
  return [
    colours.bold('Not as its owner asked'),
    ...conditions.flatMap(({ reason, object, message }) => [
      `  ${colours.yellow(reason)} ${printable(`${object.kind} ${object.name}`)}`,
      ...wrap(message, width).map((line) => `    ${line}`),
    ]),
    '',
  ];
}
