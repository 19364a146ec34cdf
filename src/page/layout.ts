/**
 * Where everything is drawn: layers from left to right (clients, nodes, sandbox, real servers), or from top to bottom
 * where the window is narrow. Pure; lengths in CSS pixels.
 */
import { clientsId, entryId, foldedId, portBoxId, sandboxId, type Scene, type SceneLink } from './scene.js';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Box extends Rectangle {
  readonly id: string;
  readonly kind: 'clients' | 'entry' | 'folded' | 'port' | 'node' | 'task' | 'strip';
  /** Layer, for the arrow keys. */
  readonly layer: number;
}

/** Drawn around boxes. */
export interface Frame extends Rectangle {
  readonly id: string;
  readonly kind: 'sandbox' | 'group';
}

export interface Title extends Rectangle {
  readonly text: string;
}

/** A cubic Bézier curve: start, two control points, end. */
export type Curve = readonly [number, number, number, number, number, number, number, number];

export interface Layout {
  readonly direction: 'across' | 'down';
  /** Room in the boxes of real servers. */
  readonly room: 'plenty' | 'little';
  readonly width: number;
  readonly height: number;
  /** By layer, then from top to bottom. */
  readonly boxes: readonly Box[];
  readonly frames: readonly Frame[];
  readonly titles: readonly Title[];
  /** Null where an end of the link is not in the picture. */
  curveOf(link: Pick<SceneLink, 'from' | 'to'>): Curve | null;
}

/** Below, layers stand one above the other. */
export const narrowest = 926;
const margin = 20;
const titleHeight = 30;
const sizes = {
  clients: { width: 112, height: 112 },
  entry: { width: 134, height: 50, gap: 10 },
  port: { width: 224, height: 54, gap: 8 },
  task: { height: 34 },
  node: { height: 38 },
  strip: { height: 34, gap: 6 },
  frame: { header: 34, padding: 10, gap: 14 },
};
const groupWidth = { least: 290, wanted: 350, most: 430 };
const gap = { least: 34, most: 150 };
/** Of a group: there is room for addresses. */
const roomy = 360;

export function layoutOf(scene: Scene, viewport: { readonly width: number; readonly height: number }): Layout {
  return viewport.width < narrowest ? down(scene, viewport.width) : across(scene, viewport);
}

function across(scene: Scene, viewport: { readonly width: number; readonly height: number }): Layout {
  const { padding } = sizes.frame;
  const fixed = sizes.clients.width + sizes.entry.width + sizes.port.width + 2 * padding;
  const room = viewport.width - 2 * margin - fixed;
  const between = clamp((room - groupWidth.wanted) / 3, gap.least, gap.most);
  const last = clamp(room - 3 * between, groupWidth.least, groupWidth.most);
  const spare = Math.max(0, (room - 3 * between - last) / 2);
  const xs = {
    clients: margin + spare,
    entry: margin + spare + sizes.clients.width + between,
    sandbox: margin + spare + sizes.clients.width + sizes.entry.width + 2 * between,
    group: margin + spare + fixed + 3 * between,
  };

  const heights = { entry: stackHeight(entryIds(scene).length, sizes.entry), sandbox: sandboxHeight(scene), groups: groupsHeight(scene) };
  const top = margin + titleHeight;
  const tallest = Math.max(sizes.clients.height, heights.entry, heights.sandbox, heights.groups);
  // What is short stands in the middle of what is seen first.
  const middle = Math.min(tallest, Math.max(viewport.height - top - margin, sizes.clients.height));
  const start = (height: number) => top + Math.max(0, (middle - height) / 2);

  const builder = new Builder();
  builder.box(clientsId, 'clients', 0, { x: xs.clients, y: start(sizes.clients.height), ...sizes.clients });
  placeEntries(builder, scene, { x: xs.entry, y: start(heights.entry), width: sizes.entry.width });
  placeSandbox(builder, scene, { x: xs.sandbox, y: start(heights.sandbox), width: sizes.port.width + 2 * padding });
  placeGroups(builder, scene, { x: xs.group, y: start(heights.groups), width: last });
  const titles = [
    { text: 'Clients', x: xs.clients, width: sizes.clients.width },
    { text: 'Nodes', x: xs.entry, width: sizes.entry.width },
    { text: 'Sandbox', x: xs.sandbox, width: sizes.port.width + 2 * padding },
    { text: 'Real servers', x: xs.group, width: last },
  ].map((title) => ({ ...title, y: margin, height: titleHeight }));
  return { direction: 'across', room: last >= roomy ? 'plenty' : 'little', width: viewport.width, height: top + tallest + margin, ...builder.built(), titles, curveOf: curvesOf(builder, sideways) };
}

/** Curves run in the left margin, from edge to edge. */
function down(scene: Scene, width: number): Layout {
  const gutter = 34;
  const place = { x: gutter, width: Math.max(240, width - gutter - 12) };
  const builder = new Builder();
  let y = 12;
  builder.box(clientsId, 'clients', 0, { ...place, y, height: 64 });
  y += 64 + 18;
  y = placeEntriesBeside(builder, scene, { ...place, y }) + 18;
  y = placeSandbox(builder, scene, { ...place, y }) + 18;
  y = placeGroups(builder, scene, { ...place, y });
  return { direction: 'down', room: place.width >= roomy ? 'plenty' : 'little', width, height: y + margin, ...builder.built(), titles: [], curveOf: curvesOf(builder, byTheEdge) };
}

class Builder {
  private readonly boxes: Box[] = [];
  private readonly frames: Frame[] = [];

  box(id: string, kind: Box['kind'], layer: number, rectangle: Rectangle): void {
    this.boxes.push({ id, kind, layer, ...rectangle });
  }

  frame(id: string, kind: Frame['kind'], rectangle: Rectangle): void {
    this.frames.push({ id, kind, ...rectangle });
  }

  built(): Pick<Layout, 'boxes' | 'frames'> {
    return { boxes: this.boxes, frames: this.frames };
  }
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Each gives the lower edge. */
function placeEntries(builder: Builder, scene: Scene, { x, y, width }: Place): number {
  const { height, gap: space } = sizes.entry;
  const ids = entryIds(scene);
  ids.forEach(([id, kind], index) => { builder.box(id, kind, 1, { x, y: y + index * (height + space), width, height }); });
  return y + stackHeight(ids.length, sizes.entry);
}

/** In one line: where the window is narrow, few are shown one by one. */
function placeEntriesBeside(builder: Builder, scene: Scene, { x, y, width }: Place): number {
  const { height, gap: space } = sizes.entry;
  const ids = entryIds(scene);
  const each = (width - (ids.length - 1) * space) / ids.length;
  ids.forEach(([id, kind], index) => { builder.box(id, kind, 1, { x: x + index * (each + space), y, width: each, height }); });
  return y + height;
}

function entryIds({ entries, folded }: Scene): (readonly [string, 'entry' | 'folded'])[] {
  return [...entries.map((node) => [entryId(node), 'entry'] as const), ...(folded.length > 0 ? [[foldedId, 'folded'] as const] : [])];
}

function sandboxHeight({ ports }: Scene): number {
  return sizes.frame.header + stackHeight(ports.length, sizes.port) + sizes.frame.padding;
}

function placeSandbox(builder: Builder, scene: Scene, { x, y, width }: Place): number {
  const { header, padding } = sizes.frame;
  const height = sandboxHeight(scene);
  builder.frame(sandboxId, 'sandbox', { x, y, width, height });
  scene.ports.forEach((port, index) => {
    builder.box(portBoxId(port), 'port', 2, { x: x + padding, y: y + header + index * (sizes.port.height + sizes.port.gap), width: width - 2 * padding, height: sizes.port.height });
  });
  return y + height;
}

function groupHeight(tasks: number): number {
  return sizes.node.height + tasks * sizes.task.height + 6;
}

function groupsHeight({ detail, groups }: Scene): number {
  if (detail === 'nodes') return stackHeight(groups.length, sizes.strip);
  return groups.reduce((total, { tasks }) => total + groupHeight(tasks.length), 0) + Math.max(0, groups.length - 1) * sizes.frame.gap;
}

function placeGroups(builder: Builder, { detail, groups }: Scene, { x, y, width }: Place): number {
  let top = y;
  for (const { id, tasks } of groups) {
    if (detail === 'nodes') {
      builder.box(id, 'strip', 3, { x, y: top, width, height: sizes.strip.height });
      top += sizes.strip.height + sizes.strip.gap;
      continue;
    }
    const height = groupHeight(tasks.length);
    builder.frame(`group ${id}`, 'group', { x, y: top, width, height });
    builder.box(id, 'node', 3, { x, y: top, width, height: sizes.node.height });
    tasks.forEach((task, index) => {
      builder.box(task.id, 'task', 3, { x, y: top + sizes.node.height + index * sizes.task.height, width, height: sizes.task.height });
    });
    top += height + sizes.frame.gap;
  }
  const behind = detail === 'nodes' ? sizes.strip.gap : sizes.frame.gap;
  return groups.length === 0 ? y : top - behind;
}

function stackHeight(number: number, { height, gap: space }: { readonly height: number; readonly gap: number }): number {
  return number === 0 ? 0 : number * height + (number - 1) * space;
}

function curvesOf(builder: Builder, draw: (from: Rectangle, to: Rectangle) => Curve | null): Layout['curveOf'] {
  const { boxes, frames } = builder.built();
  const places = new Map<string, Box | Frame>([...frames, ...boxes].map((place) => [place.id, place]));
  return ({ from, to }) => {
    const [start, end] = [places.get(from), places.get(to)];
    if (start === undefined || end === undefined) return null;
    // A frame is met on the height of what it is linked with.
    if (end.kind === 'sandbox') return draw(start, levelWith(end, start));
    return draw(start.kind === 'sandbox' ? levelWith(start, end) : start, end);
  };
}

/** The part of a frame that is beside another box, or what is nearest to it. */
function levelWith(frame: Rectangle, other: Rectangle): Rectangle {
  const corner = 16;
  const y = clamp(middleOf(other), frame.y + corner, frame.y + frame.height - corner);
  return { ...frame, y, height: 0 };
}

function sideways(from: Rectangle, to: Rectangle): Curve | null {
  const [x, y, toX, toY] = [from.x + from.width, middleOf(from), to.x, middleOf(to)];
  const bend = (toX - x) / 2;
  return [x, y, x + bend, y, toX - bend, toY, toX, toY];
}

/** The farther apart, the farther out. What does not stand by the edge has no link. */
function byTheEdge(from: Rectangle, to: Rectangle): Curve | null {
  if (to.x > from.x + sizes.frame.padding) return null;
  const [x, y, toX, toY] = [from.x, middleOf(from), to.x, middleOf(to)];
  const out = Math.min(x, toX) - clamp(10 + Math.abs(toY - y) / 24, 10, 28);
  return [x, y, out, y, out, toY, toX, toY];
}

export function pointOn([x0, y0, x1, y1, x2, y2, x3, y3]: Curve, part: number): readonly [number, number] {
  const rest = 1 - part;
  const [a, b, c, d] = [rest ** 3, 3 * rest * rest * part, 3 * rest * part * part, part ** 3];
  return [a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3];
}

export function pathOf([x0, y0, x1, y1, x2, y2, x3, y3]: Curve): string {
  return `M${x0} ${y0}C${x1} ${y1} ${x2} ${y2} ${x3} ${y3}`;
}

/** What of a long picture must exist: what is seen, and a little beyond. */
export function isNear(place: Rectangle, top: number, height: number, margins = 400): boolean {
  return place.y + place.height >= top - margins && place.y <= top + height + margins;
}

/** Where an arrow key leads: within the layer, or to the nearest of the next layer that has any. */
export function neighbourOf(boxes: readonly Box[], id: string, key: 'ArrowUp' | 'ArrowDown' | 'ArrowLeft' | 'ArrowRight'): Box | undefined {
  const from = boxes.find((box) => box.id === id);
  if (from === undefined) return boxes[0];
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    const layer = boxes.filter((box) => box.layer === from.layer);
    return layer[layer.indexOf(from) + (key === 'ArrowUp' ? -1 : 1)];
  }
  const step = key === 'ArrowLeft' ? -1 : 1;
  for (let layer = from.layer + step; layer >= 0 && layer <= 3; layer += step) {
    const candidates = boxes.filter((box) => box.layer === layer);
    const [nearest] = candidates.sort((one, other) => Math.abs(middleOf(one) - middleOf(from)) - Math.abs(middleOf(other) - middleOf(from)));
    if (nearest !== undefined) return nearest;
  }
  return undefined;
}

function middleOf({ y, height }: Rectangle): number {
  return y + height / 2;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
