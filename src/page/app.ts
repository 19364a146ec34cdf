/** The page: keeps what the controller says, and shows it. */
import { byId, setAttribute, setText } from './element.js';
import { countTasks, filterSnapshot } from './filter.js';
import { clock, count } from './format.js';
import { Graph } from './graph.js';
import { newConnections, RateHistory, totals, withFigures } from './model.js';
import { Panel, type PanelContent, type PanelFacts } from './panel.js';
import { clientsPanel, eventsPanel, healthPanel, nodePanel, otherNodesPanel, portPanel, taskPanel } from './panels.js';
import { MeshStream, type ConnectionState } from './stream.js';
import { followTheme } from './theme.js';
import type { MeshEvent, MeshSnapshot, StreamMessages } from './wire.js';

/** Beside the picture there is room for the panel. */
const wide = window.matchMedia('(min-width: 1200px)');
const mostEvents = 1_000;

class App {
  private readonly graph: Graph;
  private readonly panel = new Panel(() => { this.closePanel(); });
  private readonly stream = new MeshStream('/api/stream', { hear: (name, data) => { this.hear(name, data); }, connection: (state) => { this.showConnection(state); } });
  private readonly history = new RateHistory();
  private readonly search = byId('search') as HTMLInputElement;
  private snapshot: MeshSnapshot | null = null;
  private fresh: ReadonlyMap<string, number> = new Map();
  /** By what stays the same when an event is counted once more, the oldest first. */
  private readonly events = new Map<string, MeshEvent>();
  /** The box that the panel was opened from; null: events, health. */
  private opened: string | null = null;
  /** By performance.now(). */
  private shownAt = 0;
  private lost: Extract<ConnectionState, { state: 'lost' }> | null = null;

  constructor() {
    this.graph = new Graph(byId('scroller'), byId('particles') as HTMLCanvasElement, (id) => { this.open(id); });
    followTheme(byId('theme'));
    this.search.addEventListener('input', () => { this.show(); });
    byId('health').addEventListener('click', () => { this.openPanel(healthPanel(), null); });
    byId('events').addEventListener('click', () => { this.openPanel(eventsPanel(), null); });
    byId('retry').addEventListener('click', () => { this.stream.open(); });
    document.addEventListener('keydown', (event) => { this.onKey(event); });
    if (wide.matches) this.panel.open(eventsPanel(), false);
    setInterval(() => { this.everySecond(); }, 1_000);
    this.stream.open();
  }

  private hear<Name extends keyof StreamMessages>(name: Name, data: StreamMessages[Name]): void {
    const { snapshot } = this;
    if (name === 'events') this.keepEvents(data as StreamMessages['events']);
    else if (name === 'snapshot') this.take(data as MeshSnapshot);
    else if (name === 'figures' && snapshot !== null) this.take(withFigures(snapshot, data as StreamMessages['figures']));
  }

  private take(next: MeshSnapshot): void {
    this.fresh = newConnections(this.snapshot, next);
    this.snapshot = next;
    this.show();
  }

  private keepEvents(events: readonly MeshEvent[]): void {
    for (const event of events) {
      const key = `${event.firstTime} ${event.reason} ${event.object.kind} ${event.object.name} ${event.message}`;
      this.events.delete(key);
      this.events.set(key, event);
    }
    for (const key of this.events.keys()) {
      if (this.events.size <= mostEvents) break;
      this.events.delete(key);
    }
    this.showPanel();
  }

  private show(): void {
    const { snapshot, search } = this;
    if (snapshot === null) return;
    const seen = filterSnapshot(snapshot, search.value);
    this.shownAt = performance.now();
    this.showHead(snapshot, seen);
    byId('empty').hidden = snapshot.ports.length > 0;
    byId('no-match').hidden = snapshot.ports.length === 0 || seen.ports.length > 0;
    this.graph.show({ snapshot: seen, whole: snapshot, history: this.history, fresh: this.fresh });
    this.showPanel();
  }

  private showHead(snapshot: MeshSnapshot, seen: MeshSnapshot): void {
    const { health, troubles, node } = snapshot;
    const [first] = troubles;
    setText(byId('node'), node.name);
    setAttribute(byId('health'), 'data-level', health.level);
    setText(byId('health-headline'), health.headline);
    setText(byId('health-why'), first === undefined ? '' : `${first.reason}, ${first.object}: ${first.message}`);
    const [all, found] = [countTasks(snapshot), countTasks(seen)];
    setText(byId('found'), this.search.value.trim() === '' ? count(all, 'task') : `${found} of ${count(all, 'task')}`);
    document.title = `${health.level === 'healthy' ? '' : '⚠ '}${node.name} · routemesh`;
  }

  private showPanel(): void {
    const { snapshot } = this;
    if (snapshot === null) return;
    const facts: PanelFacts = { snapshot, events: [...this.events.values()].reverse(), fresh: this.fresh, history: (id) => this.history.of(id) };
    this.panel.show(facts);
  }

  private open(id: string): void {
    const { snapshot } = this;
    const content = contentOf(id, (other) => { this.open(other); });
    if (snapshot !== null && content !== null) this.openPanel(content, id);
  }

  private openPanel(content: PanelContent, id: string | null): void {
    this.opened = id;
    this.graph.markOpened(id);
    this.panel.open(content, true);
    this.showPanel();
  }

  /** Back to the events where there is room for them, and to the box that was opened. */
  private closePanel(): void {
    const from = this.opened;
    this.opened = null;
    this.graph.markOpened(null);
    if (wide.matches && from !== null) this.panel.open(eventsPanel(), false);
    else this.panel.close();
    this.showPanel();
    this.graph.focus(from);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '/' && !(event.target instanceof HTMLInputElement)) {
      event.preventDefault();
      this.search.focus();
    }
    if (event.key !== 'Escape') return;
    if (event.target === this.search && this.search.value !== '') {
      this.search.value = '';
      this.show();
    } else if (this.panel.isOpen) this.closePanel();
  }

  /** The minute moves on although nothing is said. */
  private everySecond(): void {
    const { snapshot, lost } = this;
    if (lost !== null) setText(byId('lost-wait'), waitText(lost.at));
    if (snapshot === null || lost !== null) return;
    this.history.add(new Map([['clients', totals(snapshot).connectionsPerSecond], ...snapshot.ports.map((port): [string, number] => [`port:${port.id}`, port.figures.connectionsPerSecond])]));
    if (!document.hidden && performance.now() - this.shownAt > 900) this.show();
    this.fresh = new Map();
  }

  private showConnection(connection: ConnectionState): void {
    const isLost = connection.state === 'lost' || (connection.state === 'trying' && this.lost !== null);
    if (connection.state === 'lost') this.lost = connection;
    if (connection.state === 'live') this.lost = null;
    byId('lost').hidden = !isLost;
    document.body.dataset.connection = isLost ? 'lost' : 'live';
    if (!isLost) return;
    setText(byId('lost-text'), lostText(this.snapshot));
    setText(byId('lost-wait'), connection.state === 'lost' ? waitText(connection.at) : 'Trying again now …');
  }
}

/** Stays as it is while it is tried again and again: it is read out to those who don't see it. */
function lostText(snapshot: MeshSnapshot | null): string {
  const shown = snapshot === null ? '' : ` This is the mesh as it was at ${clock(snapshot.at)}.`;
  return `The controller does not answer; published ports are served all the same.${shown}`;
}

function waitText(at: number): string {
  return `Trying again in ${Math.max(0, Math.ceil((at - Date.now()) / 1000))} s.`;
}

function contentOf(id: string, open: (id: string) => void): PanelContent | null {
  const [, kind = id, rest = ''] = /^([a-z]+):(.*)$/.exec(id) ?? [];
  if (kind === 'port') return portPanel(rest);
  if (kind === 'task') return taskPanel(rest);
  if (kind === 'node' || kind === 'entry') return nodePanel(rest, open);
  if (kind === 'folded') return otherNodesPanel(open);
  return kind === 'clients' ? clientsPanel() : null;
}

new App();
