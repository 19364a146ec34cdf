/** The picture: boxes, frames and links where the layout has them, of what is seen; moves the focus by arrow keys. */
import { makeBox, type BoxFacts, type BoxView } from './boxes.js';
import { element, setText, svgElement } from './element.js';
import { isNear, layoutOf, narrowest, neighbourOf, type Box, type Curve, type Frame, type Layout, type Rectangle, type Title } from './layout.js';
import { Links } from './links.js';
import { totals, type RateHistory } from './model.js';
import { Particles } from './particles.js';
import { clientsId, entryId, linksOfChosen, portBoxId, sandboxId, sceneOf, type Scene, type SceneLink } from './scene.js';
import type { MeshServer, MeshSnapshot } from './wire.js';

export interface GraphFacts {
  /** As filtered. */
  readonly snapshot: MeshSnapshot;
  /** All of it. */
  readonly whole: MeshSnapshot;
  readonly history: RateHistory;
  /** New connections just now, by id of the real server. */
  readonly fresh: ReadonlyMap<string, number>;
}

type ArrowKey = Parameters<typeof neighbourOf>[2];
const arrowKeys: readonly string[] = ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'] satisfies ArrowKey[];

export class Graph {
  private readonly svg = svgElement('svg', { class: 'links', 'aria-hidden': 'true' });
  private readonly links = new Links(this.svg);
  private readonly particles: Particles;
  private readonly picture = element('div', { class: 'picture', role: 'group', 'aria-label': 'The mesh: clients, nodes, published ports, real servers. Arrow keys move, Enter opens.' }, this.svg);
  private readonly boxes = new Map<string, BoxView>();
  private readonly decorations = new Map<string, HTMLElement>();
  private facts: GraphFacts | null = null;
  private scene: Scene | null = null;
  private layout: Layout | null = null;
  /** The box that Tab leads to. */
  private current: string = clientsId;
  private opened: string | null = null;
  private pointed: string | null = null;
  private scrolling: number | null = null;

  constructor(private readonly scroller: HTMLElement, canvas: HTMLCanvasElement, private readonly onOpen: (id: string) => void) {
    this.particles = new Particles(canvas, scroller);
    scroller.append(this.picture);
    scroller.addEventListener('scroll', () => { this.showSoon(); }, { passive: true });
    new ResizeObserver(() => { this.arrange(); }).observe(scroller);
    this.picture.addEventListener('keydown', (event) => { this.onKey(event); });
    this.picture.addEventListener('focusin', ({ target }) => { this.onPoint(target, true); });
    this.picture.addEventListener('pointerover', ({ target }) => { this.onPoint(target, false); });
    this.picture.addEventListener('pointerleave', () => { this.point(null); });
  }

  show(facts: GraphFacts): void {
    this.facts = facts;
    this.arrange();
    this.send();
  }

  /** The box whose panel is open; null: none. */
  markOpened(id: string | null): void {
    this.opened = id;
    for (const [box, { element: target }] of this.boxes) mark(target, box === id);
    this.emphasise();
  }

  /** Back from a panel: to the box that it was opened from. */
  focus(id: string | null): void {
    if (id !== null && this.layout?.boxes.some((box) => box.id === id) === true) this.current = id;
    this.moveTo(this.current);
  }

  private arrange(): void {
    const { facts } = this;
    const { clientWidth: width, clientHeight: height } = this.scroller;
    if (facts === null || width === 0) return;
    const before = this.layout;
    this.scene = sceneOf(facts.snapshot, width < narrowest ? 2 : undefined);
    this.layout = layoutOf(this.scene, { width, height });
    if (before !== null && !isSame(before, this.layout)) this.particles.clear();
    if (!this.layout.boxes.some(({ id }) => id === this.current)) this.current = clientsId;
    this.picture.style.width = `${this.layout.width}px`;
    this.picture.style.height = `${this.layout.height}px`;
    this.picture.dataset.direction = this.layout.direction;
    this.picture.dataset.room = this.layout.room;
    this.showSeen();
  }

  private showSoon(): void {
    this.scrolling ??= requestAnimationFrame(() => {
      this.scrolling = null;
      this.showSeen();
    });
  }

  /** Of a long picture only what is near: five hundred nodes need no more elements than fifty. */
  private showSeen(): void {
    const { scene, layout, facts } = this;
    if (scene === null || layout === null || facts === null) return;
    const [top, height] = [this.scroller.scrollTop, this.scroller.clientHeight];
    const seen = layout.boxes.filter((box) => box.id === this.current || isNear(box, top, height));
    this.showDecorations([...layout.frames, ...layout.titles].filter((place) => isNear(place, top, height)), facts.snapshot);
    this.showBoxes(seen, factsOf(scene, facts));
    this.emphasise();
  }

  private showBoxes(seen: readonly Box[], about: (box: Box) => BoxFacts): void {
    const wanted = new Set(seen.map(({ id }) => id));
    for (const [id, { element: target }] of this.boxes) {
      if (wanted.has(id)) continue;
      target.remove();
      this.boxes.delete(id);
    }
    for (const box of seen) {
      const view = this.boxes.get(box.id) ?? this.addBox(box);
      if (!view.element.classList.contains(`box-${box.kind}`)) continue;
      place(view.element, box);
      view.element.tabIndex = box.id === this.current ? 0 : -1;
      view.update(about(box));
    }
  }

  private addBox(box: Box): BoxView {
    const view = makeBox(box, () => {
      this.current = box.id;
      this.onOpen(box.id);
    });
    mark(view.element, box.id === this.opened);
    this.boxes.set(box.id, view);
    this.picture.append(view.element);
    return view;
  }

  private showDecorations(seen: readonly (Frame | Title)[], { sandbox }: MeshSnapshot): void {
    const wanted = new Map(seen.map((decoration) => ['text' in decoration ? `title ${decoration.text}` : decoration.id, decoration]));
    for (const [id, target] of this.decorations) {
      if (wanted.has(id)) continue;
      target.remove();
      this.decorations.delete(id);
    }
    for (const [id, decoration] of wanted) {
      const target = this.decorations.get(id) ?? this.addDecoration(id, decoration, sandbox);
      place(target, decoration);
    }
  }

  private addDecoration(id: string, decoration: Frame | Title, sandbox: string): HTMLElement {
    const target = 'text' in decoration ? element('div', { class: 'layer-title', 'aria-hidden': 'true' }, decoration.text) : element('div', { class: `frame frame-${decoration.kind}`, 'aria-hidden': 'true' });
    if (id === sandboxId) {
      const name = element('span', { class: 'mono' });
      setText(name, sandbox);
      target.append(element('div', { class: 'frame-title' }, name, element('span', { class: 'muted' }, 'IPVS')));
    }
    this.decorations.set(id, target);
    // Behind links and boxes.
    this.svg.before(target);
    return target;
  }

  private send(): void {
    const { scene, layout, facts } = this;
    if (scene === null || layout === null || facts === null || facts.fresh.size === 0) return;
    const wayOf = waysOf(scene, layout, facts.snapshot);
    this.particles.send([...facts.fresh].flatMap(([server, number]) => {
      const way = wayOf(server);
      return way.length === 0 ? [] : [{ way, number }];
    }));
  }

  private onPoint(target: EventTarget | null, isFocus: boolean): void {
    const id = target instanceof Element ? target.closest<HTMLElement>('.box')?.dataset.id ?? null : null;
    if (isFocus && id !== null) {
      this.current = id;
      for (const [box, view] of this.boxes) view.element.tabIndex = box === id ? 0 : -1;
    }
    this.point(id);
  }

  private point(id: string | null): void {
    this.pointed = id;
    this.emphasise();
  }

  /** What belongs to the box that is pointed at, or open, stands out. */
  private emphasise(): void {
    const { scene, layout } = this;
    if (scene === null || layout === null) return;
    const chosen = [this.pointed, this.opened].find((id) => id !== null && /^(?:task|port|node):/.test(id)) ?? null;
    const chosenLinks = chosen === null ? [] : linksOfChosen(scene, chosen);
    this.links.show([...scene.links, ...chosenLinks], layout, this.scroller.scrollTop, this.scroller.clientHeight);
    const touching = chosenLinks.length > 0 ? chosenLinks : linksTouching(scene, chosen);
    const related = new Set([...(chosen === null ? [] : [chosen]), ...touching.flatMap(({ from, to }) => [from, to])]);
    this.links.emphasise(chosen === null ? null : new Set(touching.map(({ id }) => id)));
    for (const [id, { element: target }] of this.boxes) {
      target.classList.toggle('is-aside', chosen !== null && /^(?:task|port|node):/.test(id) && !related.has(id) && !isHeaderOf(scene, id, related));
    }
  }

  private onKey(event: KeyboardEvent): void {
    const { layout } = this;
    if (layout === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = this.targetOf(layout, event.key);
    if (target === undefined) return;
    event.preventDefault();
    this.moveTo(target.id);
  }

  private targetOf({ boxes }: Layout, key: string): Box | undefined {
    if (key === 'Home') return boxes[0];
    if (key === 'End') return boxes.at(-1);
    return arrowKeys.includes(key) ? neighbourOf(boxes, this.current, key as ArrowKey) : undefined;
  }

  private moveTo(id: string): void {
    this.current = id;
    this.showSeen();
    const target = this.boxes.get(id)?.element;
    target?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    target?.focus({ preventScroll: true });
  }
}

function place(target: HTMLElement, { x, y, width, height }: Rectangle): void {
  const [transform, w, h] = [`translate(${x}px, ${y}px)`, `${width}px`, `${height}px`];
  if (target.style.transform !== transform) target.style.transform = transform;
  if (target.style.width !== w) target.style.width = w;
  if (target.style.height !== h) target.style.height = h;
}

function mark(target: HTMLElement, isOpened: boolean): void {
  if (isOpened) target.setAttribute('aria-current', 'true');
  else target.removeAttribute('aria-current');
}

function isSame(one: Layout, other: Layout): boolean {
  const placesOf = ({ boxes }: Layout): string => boxes.map(({ id, x, y, width }) => `${id} ${x} ${y} ${width}`).join();
  return placesOf(one) === placesOf(other);
}

/** Of a node with its tasks one by one, the links of them all. */
function linksTouching({ links, groups }: Scene, chosen: string | null): SceneLink[] {
  const tasks = new Set(groups.filter(({ id }) => id === chosen).flatMap((group) => group.tasks.map(({ id }) => id)));
  return links.filter(({ from, to }) => from === chosen || to === chosen || tasks.has(to));
}

/** A node's header stays plain while one of its tasks is chosen. */
function isHeaderOf(scene: Scene, id: string, related: ReadonlySet<string>): boolean {
  return scene.groups.some((group) => group.id === id && group.tasks.some((task) => related.has(task.id)));
}

/** A port is told whole, whichever of its tasks are shown. */
function factsOf(scene: Scene, { whole, history, fresh }: GraphFacts): (box: Box) => BoxFacts {
  const total = totals(whole);
  const nodes = new Map(scene.entries.map((node) => [entryId(node), node]));
  const ports = new Map(whole.ports.map((port) => [portBoxId(port), port]));
  const groups = new Map(scene.groups.map((group) => [group.id, group]));
  const tasks = new Map(scene.groups.flatMap((group) => group.tasks.map((task) => [task.id, task])));
  const isFresh = (servers: readonly MeshServer[]): boolean => servers.some(({ id }) => fresh.has(id));
  return ({ id }) => {
    const [port, group, task] = [ports.get(id), groups.get(id), tasks.get(id)];
    const servers = port?.servers ?? group?.tasks.flatMap((row) => row.servers) ?? task?.servers;
    return { total, node: nodes.get(id), folded: scene.folded, port, group, task, history: history.of(id), isBusy: servers === undefined ? fresh.size > 0 : isFresh(servers) };
  };
}

/** The curves that a new connection takes to a real server. */
function waysOf(scene: Scene, layout: Layout, { nodes, ports }: MeshSnapshot): (serverId: string) => Curve[] {
  const here = nodes.find(({ state }) => state === 'here');
  const ends = new Map<string, { readonly port: string; readonly server: MeshServer }>();
  for (const port of ports) for (const server of port.servers) ends.set(server.id, { port: portBoxId(port), server });
  return (serverId) => {
    const end = ends.get(serverId);
    if (here === undefined || end === undefined) return [];
    const [middle, target] = scene.detail === 'tasks' ? [end.port, `task:${end.server.taskId}`] : [sandboxId, `node:${end.server.nodeId}`];
    const stations = [clientsId, entryId(here), middle, target];
    return stations.slice(1).map((to, index) => layout.curveOf({ from: stations[index] ?? '', to })).filter((curve) => curve !== null);
  };
}
