/** A YAML text to the ClusterState. Pure; docs/file-source.md describes the format. */
import { parseDocument } from 'yaml';
import { emptyClusterState, type ClusterNode, type ClusterState } from '../state.js';
import { byId } from '../sorting.js';
import { shareState } from '../share.js';
import { ClusterFileError, PartReader, type ServicePart } from './part-reader.js';
import { plainTree } from './plain-tree.js';
import { cutIntoSections, type Section } from './sections.js';
import { SharedAddressError, StateParts } from './state-parts.js';
import { treeOf, type Tree } from './tree.js';

export { ClusterFileError } from './part-reader.js';

/** Throws ClusterFileError with line and column for what makes no state; a policy that is refused becomes a condition. */
export function parseClusterFile(text: string, path: string): ClusterState {
  return new ClusterFileParser(path).parse(text);
}

interface ReadSection {
  readonly text: string;
  readonly part: ServicePart;
}

/** Parses versions of one file, each at the cost of what is new in it. What two versions have in common are the same objects. */
export class ClusterFileParser {
  private head: { readonly text: string; readonly nodes: ReadonlyMap<string, ClusterNode>; readonly sorted: readonly ClusterNode[] } | null = null;
  private sections = new Map<string, ReadSection>();
  private parts = new StateParts();
  private last: ClusterState = emptyClusterState;

  constructor(private readonly path: string) {}

  /** @throws {ClusterFileError} */
  parse(text: string): ClusterState {
    const state = this.parseSections(text) ?? parseWhole(text, this.path);
    this.last = shareState(this.last, state);
    return this.last;
  }

  /** Null: it must be read as a whole, be it only to say what is wrong with it. */
  private parseSections(text: string): ClusterState | null {
    const cut = cutIntoSections(text);
    if (cut === null) return null;
    try {
      const nodes = this.readHead(cut.head);
      const sections = new Map<string, ReadSection>();
      const changed: ServicePart[] = [];
      for (const section of cut.services) {
        const name = section.text.slice(0, section.text.indexOf(':')).trim();
        const known = this.sections.get(name);
        // The words of conditions name lines, which move.
        const isKnown = known?.text === section.text && known.part.conditions.length === 0;
        if (sections.has(name)) return null;
        if (isKnown) {
          sections.set(name, known);
          continue;
        }
        // A copy: a part of a text keeps all of it in memory.
        const own = Buffer.from(section.text).toString();
        const part = this.readSection({ text: own, line: section.line }, nodes);
        changed.push(part);
        sections.set(name, { text: own, part });
      }
      const gone = [...this.sections.keys()].filter((name) => !sections.has(name));
      this.sections = sections;
      return { nodes: this.head?.sorted ?? [], ...this.parts.replace(gone, changed) };
    } catch (error) {
      this.forget();
      if (error instanceof ClusterFileError || error instanceof SharedAddressError) return null;
      throw error;
    }
  }

  private readHead(text: string): ReadonlyMap<string, ClusterNode> {
    if (this.head?.text === text) return this.head.nodes;
    this.forget();
    const reader = new PartReader(text, this.path);
    const nodes = reader.nodes(reader.map(treeOfText(text, this.path), 'the file', ['nodes']).get('nodes'));
    this.head = { text, nodes, sorted: [...nodes.values()].sort(byId) };
    return nodes;
  }

  private readSection({ text, line }: Section, nodes: ReadonlyMap<string, ClusterNode>): ServicePart {
    const reader: PartReader = new PartReader(text, this.path, line);
    const [service, ...others] = reader.pairs(treeOfText(text, this.path), 'services');
    if (service === undefined || others.length > 0) reader.fail(0, 'expected one service');
    return reader.service(service[0], service[1], nodes);
  }

  /** What was read under other nodes, or before something went wrong, is read again. */
  private forget(): void {
    this.head = null;
    this.sections = new Map();
    this.parts = new StateParts();
  }
}

/** One of several files that are a cluster together. */
export interface FileContents {
  /** Those that it names itself, by name. */
  readonly nodes: ReadonlyMap<string, ClusterNode>;
  /** @throws {ClusterFileError} `nodes`: all that there are. */
  parts(nodes: ReadonlyMap<string, ClusterNode>): ServicePart[];
}

/** Keeps the text and not what was read of it: of ten thousand files the trees would take more memory than all the rest. @throws {ClusterFileError} */
export function readContents(text: string, path: string): FileContents {
  const reader: PartReader = new PartReader(text, path);
  const sections = (): ReadonlyMap<string, Tree> => {
    const tree = treeOfText(text, path);
    if (!text.endsWith('\n')) reader.fail(text.length, 'expected a newline at the end; the file seems to be half written');
    return reader.map(tree, 'the file', ['nodes', 'services']);
  };
  const nodes = text.includes('nodes') ? sections().get('nodes') : undefined;
  return {
    nodes: nodes === undefined ? new Map() : reader.nodes(nodes),
    parts: (all) => {
      const parts = reader.pairs(sections().get('services'), 'services').map(([name, value]) => reader.service(name, value, all));
      put(reader, parts);
      return parts;
    },
  };
}

function parseWhole(text: string, path: string): ClusterState {
  const reader: PartReader = new PartReader(text, path);
  const tree = treeOfText(text, path);
  if (tree.kind === 'scalar' && tree.text === null) reader.fail(0, 'the file is empty; expected nodes and services');
  // A YAML text that is cut off is often a smaller YAML text: serving it would drop endpoints.
  if (!text.endsWith('\n')) reader.fail(text.length, 'expected a newline at the end; the file seems to be half written');
  const top = reader.map(tree, 'the file', ['nodes', 'services']);
  if (!top.has('services')) reader.fail(0, 'expected services; write services: {} if there are none');
  const nodes = reader.nodes(top.get('nodes'));
  const parts = reader.pairs(top.get('services'), 'services').map(([name, value]) => reader.service(name, value, nodes));
  return { nodes: [...nodes.values()].sort(byId), ...put(reader, parts) };
}

/** What the parts of one text say together. @throws {ClusterFileError} */
function put(reader: PartReader, parts: readonly ServicePart[]): Omit<ClusterState, 'nodes'> {
  try {
    return new StateParts().replace([], parts);
  } catch (error) {
    if (!(error instanceof SharedAddressError)) throw error;
    return reader.fail(error.offset, `expected each address once: ${error.address} is an endpoint already; publish all its ports in one service`);
  }
}

/** @throws {ClusterFileError} */
function treeOfText(text: string, path: string): Tree {
  const plain = plainTree(text);
  if (plain !== null) return plain;
  const document = parseDocument(text, { uniqueKeys: true, strict: true, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) new PartReader(text, path).fail(error.pos[0], error.message);
  return treeOf(document.contents);
}
