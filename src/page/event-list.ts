/** Events, the newest first. Told again, an event moves to the top with its count. */
import { element, setText } from './element.js';
import { ago } from './format.js';
import type { MeshEvent } from './wire.js';

const mostShown = 200;

export class EventList {
  private readonly empty = element('p', { class: 'muted' });
  private readonly list = element('ol', { class: 'events' });
  readonly element = element('div', {}, this.empty, this.list);
  private readonly items = new Map<string, { readonly item: HTMLLIElement; readonly time: HTMLTimeElement; readonly count: HTMLElement }>();

  constructor(emptyText: string) {
    setText(this.empty, emptyText);
  }

  /** The newest first. */
  show(events: readonly MeshEvent[]): void {
    const shown = events.slice(0, mostShown);
    this.empty.hidden = shown.length > 0;
    const wanted = new Set(shown.map(keyOf));
    for (const [key, { item }] of this.items) {
      if (wanted.has(key)) continue;
      item.remove();
      this.items.delete(key);
    }
    shown.forEach((event, index) => { this.place(event, index); });
  }

  private place(event: MeshEvent, index: number): void {
    const { item, time, count } = this.items.get(keyOf(event)) ?? this.add(event);
    setText(time, ago(Date.parse(event.lastTime), Date.now()));
    setText(count, event.count > 1 ? `×${event.count}` : '');
    if (this.list.children[index] !== item) this.list.insertBefore(item, this.list.children[index] ?? null);
  }

  private add(event: MeshEvent) {
    const { type, reason, object, message, firstTime } = event;
    const time = element('time', { class: 'muted', datetime: event.lastTime, title: new Date(event.lastTime).toString() });
    const count = element('span', { class: 'times' });
    const item = element(
      'li',
      { class: 'event', 'data-type': type },
      element('div', { class: 'event-head' }, element('span', { class: 'reason' }, reason), count, time),
      element('div', { class: 'event-object' }, `${object.kind} ${object.name}`),
      element('p', { class: 'event-message' }, message),
    );
    const made = { item, time, count };
    this.items.set(`${firstTime} ${reason} ${object.kind} ${object.name} ${message}`, made);
    return made;
  }
}

/** What stays the same when an event is counted once more. */
function keyOf({ firstTime, reason, object, message }: MeshEvent): string {
  return `${firstTime} ${reason} ${object.kind} ${object.name} ${message}`;
}
