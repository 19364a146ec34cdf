/** What a YAML text says, reduced to what a cluster file may use: maps, lists and words, each with its place in the text. */
import { isMap, isScalar, isSeq, type Node as YamlNode, type Pair } from 'yaml';

export type Tree = TreeScalar | TreeMap | TreeList | TreeOther;

export interface TreeScalar {
  readonly kind: 'scalar';
  /** As it is written, whatever YAML takes it for (`8080:80`, `10`); null: nothing. */
  readonly text: string | null;
  readonly offset: number;
}

export interface TreeMap {
  readonly kind: 'map';
  readonly pairs: readonly TreePair[];
  readonly offset: number;
}

export interface TreePair {
  readonly key: Tree;
  readonly value: Tree;
}

export interface TreeList {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly offset: number;
}

/** An alias, a tagged value: nothing that a cluster file may hold. */
export interface TreeOther {
  readonly kind: 'other';
  readonly offset: number;
}

/** `around`: where a node is taken to be that has no place of its own. */
export function treeOf(node: YamlNode | null | undefined, around = 0): Tree {
  const offset = node?.range?.[0] ?? around;
  if (node === null || node === undefined) return { kind: 'scalar', text: null, offset };
  if (isMap(node)) {
    const pairs = (node.items as Pair<YamlNode, YamlNode | null>[]).map(({ key, value }) => ({ key: treeOf(key, offset), value: treeOf(value, key.range?.[0] ?? offset) }));
    return { kind: 'map', pairs, offset };
  }
  if (isSeq(node)) return { kind: 'list', items: node.items.map((item) => treeOf(item as YamlNode | null, offset)), offset };
  if (!isScalar(node)) return { kind: 'other', offset };
  if (node.value === null) return { kind: 'scalar', text: null, offset };
  const text = typeof node.value === 'string' ? node.value : node.source;
  return text === undefined ? { kind: 'other', offset } : { kind: 'scalar', text, offset };
}
