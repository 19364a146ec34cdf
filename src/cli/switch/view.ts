/** What `routemesh switch` did, for eyes. */
import { quoteForPeople } from '../../cluster/condition.js';
import type { Answering } from '../../compare/answering.js';
import type { Output } from '../output.js';
import { hanging } from '../table.js';
import { span } from '../time.js';
import type { PortAnswer } from './progress.js';
import { enabledLabel, type Mesh } from './label.js';
import type { SwitchedService } from './set-label.js';

type View = Pick<Output, 'columns' | 'colours'>;

export interface SwitchResult {
  readonly service: { readonly id: string; readonly name: string };
  readonly to: Mesh;
  readonly dryRun: boolean;
  readonly label: { readonly name: string; readonly before: string | null; readonly after: string | null; readonly changed: boolean };
  /** Who answers on this node: `before` the label was set, and `after`; null where nobody looked again. */
  readonly ports: readonly { readonly port: string; readonly publishedBy: PortAnswer['publishedBy']; readonly before: Answering; readonly after: Answering | null }[];
  /** Null: it was not waited for. */
  readonly waited: { readonly milliseconds: number; readonly outcome: 'done' | 'refused' | 'timeout'; readonly messages: readonly string[] } | null;
  /** Open connections that stay with routemesh till they end. */
  readonly keptConnections: number;
}

export function labelLine({ name, before, after, differs, changed }: SwitchedService, view: View): string[] {
  const label = `${quoteForPeople(name)}: label ${enabledLabel}`;
  if (!differs) return hanging('', `${label} is ${before ?? 'not there, which is as good as true'} already`, view.columns);
  return hanging('', `${label} ${before ?? '(none)'} → ${after ?? '(none)'}${changed ? '; its tasks are not touched' : ' (dry run: nothing was changed)'}`, view.columns);
}

export function resultLines({ to, ports, waited, keptConnections }: SwitchResult, view: View): string[] {
  const { colours, columns } = view;
  const lines = ports.flatMap(({ port, before, after, publishedBy }) => {
    const now = after ?? before;
    const note = publishedBy === 'label' && now === 'nobody' ? ' (published by label: dockerd knows nothing of it)' : '';
    return hanging(`  ${port.padEnd(10)} `, `${before === now ? `${now}` : `${before} → ${now}`}${note}`, columns);
  });
  if (ports.length === 0) lines.push(...hanging('  ', 'It publishes no port: nothing moves.', columns));
  if (waited === null) return [...lines, ...hanging('', 'Not waited for. See who answers with `routemesh compare`.', columns)];
  const verdicts = {
    done: hanging('', to === 'routemesh' ? `This node’s mesh answers, after ${span(waited.milliseconds)}.` : `This node’s mesh has let go, after ${span(waited.milliseconds)}; dockerd answers what it publishes.`, columns, colours.green),
    refused: hanging('', 'This node’s mesh does not serve all of it:', columns, colours.red),
    timeout: hanging('', `This node’s mesh has not followed within ${span(waited.milliseconds)}. See \`routemesh status\` and \`routemesh trace PORT\`.`, columns, colours.red),
  };
  const kept = keptConnections === 0 ? [] : hanging('', `${keptConnections} open connection${keptConnections === 1 ? ' stays' : 's stay'} with routemesh until ${keptConnections === 1 ? 'it ends' : 'they end'}, for the service’s drain time at most (routemesh.drain, 10m by default).`, columns);
  return [...lines, ...verdicts[waited.outcome], ...waited.messages.flatMap((message) => hanging('  ', message, columns, colours.red)), ...kept];
}
