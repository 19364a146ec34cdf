import { describe, expect, it } from '@jest/globals';
import { layoutOf, narrowest, neighbourOf, type Box, type Layout, type Rectangle } from '../../../src/page/layout.js';
import { sceneOf } from '../../../src/page/scene.js';
import { syntheticMesh, type MeshSize } from '../../support/synthetic-mesh.js';

const sizes: readonly (readonly [string, MeshSize])[] = [
  ['one node without a port', { nodes: 1, services: 0, tasks: 0 }],
  ['one node with one task', { nodes: 1, services: 1, tasks: 1 }],
  ['3 nodes with 9 tasks', { nodes: 3, services: 3, tasks: 9, trouble: true }],
  ['50 nodes with 500 tasks', { nodes: 50, services: 40, tasks: 500, trouble: true }],
  ['50 nodes with 500 tasks each', { nodes: 50, services: 50, tasks: 25_000 }],
];
const widths = [320, 420, narrowest - 1, narrowest, 952, 1280, 2560];
const cases = sizes.flatMap(([name, size]) => widths.map((width) => [name, width, size] as const));

function draw(size: MeshSize, width: number): Layout {
  return layoutOf(sceneOf(syntheticMesh(size), width < narrowest ? 2 : undefined), { width, height: 700 });
}

function overlap(one: Rectangle, other: Rectangle): boolean {
  return one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height;
}

/** By a sweep from top to bottom: 25,000 boxes have many pairs. */
function overlapping(boxes: readonly Box[]): string[] {
  const sorted = [...boxes].sort((one, other) => one.y - other.y);
  return sorted.flatMap((box, index) => {
    const found: string[] = [];
    for (let next = index + 1; next < sorted.length; next += 1) {
      const other = sorted[next];
      if (other === undefined || other.y >= box.y + box.height) break;
      if (overlap(box, other)) found.push(`${box.id} and ${other.id}`);
    }
    return found;
  });
}

describe('the picture', () => {
  it.each(cases)('of %s, %i wide, has no box that hides another', (_name, width, size) => {
    expect(overlapping(draw(size, width).boxes)).toEqual([]);
  });

  it.each(cases)('of %s, %i wide, fits into the window: nobody scrolls sideways', (_name, width, size) => {
    const { boxes, frames, height } = draw(size, width);
    for (const place of [...boxes, ...frames]) {
      expect(place.x).toBeGreaterThanOrEqual(0);
      expect(place.x + place.width).toBeLessThanOrEqual(width);
      expect(place.y + place.height).toBeLessThanOrEqual(height);
    }
  });

  it.each(cases)('of %s, %i wide, links what is there', (_name, width, size) => {
    const scene = sceneOf(syntheticMesh(size));
    const layout = layoutOf(scene, { width, height: 700 });
    const beside = new Set(layout.direction === 'across' ? [] : ['unseen']);
    for (const link of scene.links.filter(({ state }) => !beside.has(state))) expect(layout.curveOf(link)?.every(Number.isFinite)).toBe(true);
  });

  it('shows every task by itself while they are few', () => {
    const { boxes } = draw({ nodes: 3, services: 3, tasks: 9 }, 1280);
    expect(boxes.filter(({ kind }) => kind === 'task')).toHaveLength(9);
  });

  it('stays small for many: a strip for each node, and one link to it', () => {
    const scene = sceneOf(syntheticMesh({ nodes: 50, services: 50, tasks: 25_000 }));
    const { boxes } = layoutOf(scene, { width: 1280, height: 700 });
    expect(boxes.filter(({ kind }) => kind === 'strip')).toHaveLength(50);
    expect(boxes.length).toBeLessThan(110);
    expect(scene.links.length).toBeLessThan(60);
  });

  it('keeps each box where it is while only figures change', () => {
    const size = { nodes: 3, services: 3, tasks: 9, rate: 50 };
    const at = (second: number) => layoutOf(sceneOf(syntheticMesh(size, second)), { width: 1280, height: 700 }).boxes;
    expect(at(60)).toEqual(at(0));
  });
});

describe('arrow keys', () => {
  const { boxes } = draw({ nodes: 3, services: 2, tasks: 6 }, 1280);

  it('lead through every layer, and back', () => {
    const right = ['clients'];
    for (;;) {
      const next = neighbourOf(boxes, right.at(-1) ?? '', 'ArrowRight');
      if (next === undefined) break;
      right.push(next.id);
    }
    expect(right.map((id) => id.split(':')[0])).toEqual(['clients', 'entry', 'port', expect.stringMatching(/task|node/)]);
    expect(neighbourOf(boxes, right[3] ?? '', 'ArrowLeft')?.kind).toBe('port');
  });

  it('reach every box of a layer, and stop at its ends', () => {
    const layer = boxes.filter((box) => box.layer === 3);
    const down = [layer[0]?.id ?? ''];
    for (;;) {
      const next = neighbourOf(boxes, down.at(-1) ?? '', 'ArrowDown');
      if (next === undefined) break;
      down.push(next.id);
    }
    expect(down).toEqual(layer.map(({ id }) => id));
    expect(neighbourOf(boxes, layer[0]?.id ?? '', 'ArrowUp')).toBeUndefined();
  });

  it('pass over a layer that has nothing', () => {
    const without = boxes.filter((box) => box.layer !== 2);
    expect(neighbourOf(without, 'entry:n0', 'ArrowRight')?.layer).toBe(3);
  });
});
