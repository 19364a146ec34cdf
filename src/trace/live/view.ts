/** A followed connection for eyes: a line for each thing that happens, as it happens; the summary last. */
import type { Output } from '../../cli/output.js';
import { hanging } from '../../cli/table.js';
import { hexOf } from '../../plan/fwmark.js';
import { endpointText } from './entry.js';
import type { LiveCounters, LiveEndpoints, LiveEntry, Moment, Summary } from './moment.js';

type View = Pick<Output, 'columns' | 'colours'>;

const timeWidth = 9;
const nameWidth = 12;
const stateWidth = 11;

/** Lines joined, with a line end behind the last. */
export function renderMoment(moment: Moment, view: View): string {
  const lead = `${timeText(moment.at).padStart(timeWidth)}  ${labelOf(moment).padEnd(nameWidth)}  ${stateOf(moment).padEnd(stateWidth)}  `;
  const [first = '', ...more] = wordsOf(moment);
  const lines = [...hanging(lead, first, view.columns), ...more.flatMap((words) => hanging(' '.repeat(lead.length), words, view.columns, view.colours.dim))];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** `summary`: told in one sentence, with what would repair it where something was lost. */
export function renderSummary({ text, ending, loss }: Summary, { columns, colours }: View): string {
  const isWell = loss === null && (ending === 'closed' || ending === 'answered');
  const paint = (line: string): string => colours.bold((isWell ? colours.green : loss === null ? colours.yellow : colours.red)(line));
  const lines = [...hanging('', text, columns, paint), ...(loss === null ? [] : hanging('  ', `→ ${loss.remedy}`, columns, colours.cyan))];
  return `\n${lines.join('\n')}\n`;
}

function timeText(milliseconds: number): string {
  return milliseconds < 10_000 ? `+${milliseconds} ms` : `+${(milliseconds / 1000).toFixed(1)} s`;
}

function labelOf(moment: Moment): string {
  return moment.type === 'ipvs' || moment.type === 'socket' ? moment.type : moment.name;
}

function stateOf(moment: Moment): string {
  if (moment.type === 'ipvs') return moment.connection.state;
  if (moment.type === 'socket') return moment.socket.state;
  if (moment.type === 'forgotten') return 'forgotten';
  return moment.entry.state ?? (moment.entry.answered === true ? 'answered' : 'new');
}

function wordsOf(moment: Moment): string[] {
  switch (moment.type) {
    case 'appeared':
      return [arrow(moment.entry.there), `back ${arrow(moment.entry.back)}${notes(moment.entry)}`];
    case 'changed':
      return [moment.entry.closedFirst === null ? '' : `the ${moment.entry.closedFirst}’s FIN came first`];
    case 'forgotten':
      return [countersText(moment.entry)];
    case 'ipvs':
      return [`real server ${endpointText(moment.connection.server, moment.connection.serverPort)}, kept for ${moment.connection.expiresSeconds} s more`];
    case 'socket':
      return [socketText(moment)];
  }
}

function arrow({ source, sourcePort, destination, destinationPort, zone }: LiveEndpoints): string {
  return `${endpointText(source, sourcePort)} → ${endpointText(destination, destinationPort)}${zone === null ? '' : ` in zone ${zone}`}`;
}

function notes({ zone, mark }: LiveEntry): string {
  return `${zone === 0 ? '' : `, zone ${zone}`}${mark === 0 ? '' : `, mark ${hexOf(mark)}`}`;
}

function countersText({ counters }: LiveEntry): string {
  const amount = ({ packets, bytes }: LiveCounters): string => `${packets} packets, ${bytes} bytes`;
  return counters === null ? '' : `there ${amount(counters.there)}; back ${amount(counters.back)}`;
}

function socketText({ socket: { accepted, unread, unacknowledged }, name }: Extract<Moment, { type: 'socket' }>): string {
  const waiting = [...(unread === 0 ? [] : [`${unread} bytes unread`]), ...(unacknowledged === 0 ? [] : [`${unacknowledged} bytes on their way to the client`])];
  return [`${name}’s program ${accepted ? 'has it' : 'has not accepted it'}`, ...waiting].join(', ');
}
