/** What stands in each box of the picture. A box is made once, and told what is new. */
import { button, element, setAttribute, setText } from './element.js';
import { stateWords } from './filter.js';
import { count, perSecond, short } from './format.js';
import type { Box } from './layout.js';
import { shownRate } from './model.js';
import type { NodeGroup, TaskRow } from './scene.js';
import { Sparkline } from './sparkline.js';
import { NodeStrip } from './strip.js';
import type { Figures, MeshNode, MeshPort } from './wire.js';

/** What a box may be about, with what is known of its traffic. */
export interface BoxFacts {
  readonly total: Figures;
  readonly node: MeshNode | undefined;
  readonly folded: readonly MeshNode[];
  readonly port: MeshPort | undefined;
  readonly group: NodeGroup | undefined;
  readonly task: TaskRow | undefined;
  /** Rates of the last minute. */
  readonly history: readonly number[];
  /** Connections came just now. */
  readonly isBusy: boolean;
}

export interface BoxView {
  readonly element: HTMLButtonElement;
  update(facts: BoxFacts): void;
}

/** Focus moves among boxes by the arrow keys: only one of them is reached by Tab. */
export function makeBox({ id, kind }: Pick<Box, 'id' | 'kind'>, onOpen: () => void): BoxView {
  const target = button({ class: `box box-${kind}`, 'data-id': id, tabindex: '-1' }, onOpen);
  return { element: target, update: contents[kind](target) };
}

type Update = (facts: BoxFacts) => void;

const contents: Readonly<Record<Box['kind'], (target: HTMLButtonElement) => Update>> = {
  clients: (target) => {
    const [rate, open, spark] = [span('figure'), span('muted'), new Sparkline(92, 22)];
    target.append(span('name', 'Clients'), rate, open, spark.element);
    return ({ total, history, isBusy }) => {
      const text = perSecond(shownRate(total, isBusy));
      setText(rate, text);
      setText(open, `${short(total.active)} open`);
      spark.show(history);
      describe(target, `Clients: ${text} new connections, ${total.active} open`);
    };
  },

  entry: (target) => {
    const [dot, name, note] = [span('dot'), span('name'), span('muted address')];
    target.append(dot, name, note);
    return ({ node }) => {
      if (node === undefined) return;
      setState(target, node.state);
      setText(name, node.name);
      setText(note, node.state === 'here' ? node.address : nodeWord(node));
      describe(target, `Node ${node.name}, ${node.address}: ${nodeWord(node)}`);
    };
  },

  folded: (target) => {
    const [name, note] = [span('name'), span('muted')];
    target.append(span('dot'), name, note);
    return ({ folded }) => {
      const silent = folded.filter(({ state }) => state === 'silent' || state === 'down').length;
      setState(target, silent > 0 ? 'silent' : 'alive');
      setText(name, count(folded.length, 'other'));
      setText(note, silent > 0 ? `${silent} no answer` : 'all answer');
      describe(target, `${count(folded.length, 'other node')}, ${silent > 0 ? `${silent} without answer` : 'all answer'}`);
    };
  },

  port: (target) => {
    const [name, service, rate, note, spark] = [span('name mono'), span('service'), span('rate'), span('muted'), new Sparkline(60, 16)];
    target.append(span('line', name, service, rate), span('line', note, spark.element));
    return ({ port, history, isBusy }) => {
      if (port === undefined) return;
      const taking = port.servers.filter(({ state }) => state === 'serving').length;
      const state = !port.accepting ? 'removed' : taking === 0 ? 'empty' : 'serving';
      const word = { removed: 'removed; keeps its connections', empty: 'no task takes connections', serving: `${count(taking, 'task')} · ${port.scheduler ?? 'no IPVS'}` }[state];
      const text = perSecond(shownRate(port.figures, isBusy));
      setState(target, state);
      setText(name, port.id);
      setText(service, port.service);
      setText(rate, text);
      setText(note, state === 'serving' ? `${word} · ${short(port.figures.active)} open` : word);
      spark.show(history);
      describe(target, `Published port ${port.id} of service ${port.service}: ${word}, ${text} new connections, ${port.figures.active} open. Opens its trace.`);
    };
  },

  node: (target) => {
    const [name, address, word] = [span('name'), span('muted mono address'), span('rate muted')];
    target.append(span('dot'), name, address, word);
    return ({ group }) => {
      if (group === undefined) return;
      const { node, tasks } = group;
      setState(target, node.state);
      setText(name, node.name);
      setText(address, node.address);
      setText(word, nodeWord(node));
      describe(target, `Real servers on node ${node.name}, ${nodeWord(node)}: ${count(tasks.length, 'task')}`);
    };
  },

  task: (target) => {
    const [name, address, weight, open, rate] = [span('name'), span('muted mono address'), span('cell weight'), span('cell muted'), span('cell rate')];
    target.append(span('dot'), name, address, weight, open, rate);
    return ({ task, isBusy }) => {
      if (task === undefined) return;
      const { state, figures } = task;
      const weights = [...new Set(task.servers.map((server) => server.weight))].join('/');
      const text = perSecond(shownRate(figures, isBusy));
      setState(target, state);
      setText(name, task.name);
      setText(address, task.address);
      setText(weight, state === 'gone' ? '' : `w ${weights}`);
      setText(open, state === 'gone' ? '' : `${short(figures.active)} open`);
      setText(rate, state === 'serving' ? text : stateWords[state]);
      describe(target, `Task ${task.name}, ${task.address}, ${stateWords[state]}, weight ${weights}, ${figures.active} open connections, ${text} new. Opens its history.`);
    };
  },

  strip: (target) => {
    const [name, cells, rate] = [span('name'), new NodeStrip(), span('cell rate')];
    target.append(span('dot'), name, cells.element, rate);
    return ({ group, isBusy }) => {
      if (group === undefined) return;
      const { node, tasks, figures } = group;
      const text = perSecond(shownRate(figures, isBusy));
      setState(target, node.state);
      setText(name, node.name);
      setText(rate, text);
      cells.show(tasks);
      const serving = tasks.filter(({ state }) => state === 'serving').length;
      describe(target, `Node ${node.name}, ${nodeWord(node)}: ${serving} of ${count(tasks.length, 'task')} ${serving === 1 ? 'takes' : 'take'} connections, ${text} new`);
    };
  },
};

export function nodeWord({ state, roundTripMilliseconds }: MeshNode): string {
  if (state === 'alive') return roundTripMilliseconds === null ? 'answers' : `${roundTripMilliseconds} ms`;
  return { here: 'this node', silent: 'no answer', down: 'down', unknown: 'not asked yet' }[state];
}

function span(className: string, ...children: readonly (Node | string)[]): HTMLSpanElement {
  return element('span', { class: className }, ...children);
}

function setState(target: HTMLElement, state: string): void {
  setAttribute(target, 'data-state', state);
}

/** For those who hear the page instead of seeing it. */
function describe(target: HTMLElement, text: string): void {
  setAttribute(target, 'aria-label', text);
}
