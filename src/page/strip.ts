/** A node's tasks in one line: a cell for each while there is room, else how much of them is in which state. */
import { element, setAttribute } from './element.js';
import { best, type TaskRow } from './scene.js';
import type { ServerState } from './wire.js';

const mostCells = 32;
const states: readonly ServerState[] = ['serving', 'draining', 'unreachable', 'gone'];

export class NodeStrip {
  readonly element = element('span', { class: 'strip', 'aria-hidden': 'true' });
  private shown = '';

  show(tasks: readonly TaskRow[]): void {
    const all = tasks.map(({ servers }) => best(servers));
    const key = all.join(' ');
    if (key === this.shown) return;
    this.shown = key;
    this.element.replaceChildren(...(all.length <= mostCells ? all.map((state) => cell(state)) : bars(all)));
    setAttribute(this.element, 'data-kind', all.length <= mostCells ? 'cells' : 'bars');
  }
}

function cell(state: ServerState): HTMLElement {
  return element('i', { 'data-state': state });
}

function bars(all: readonly ServerState[]): HTMLElement[] {
  return states.flatMap((state) => {
    const share = all.filter((one) => one === state).length / all.length;
    if (share === 0) return [];
    const bar = cell(state);
    bar.style.flexGrow = String(share);
    return [bar];
  });
}
