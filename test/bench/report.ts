/** What a benchmark found, as its JSON says it. */
import { advantage, type Summary } from './statistics.js';

export const partNames = ['publish', 'convergence', 'data-path', 'scale', 'rest', 'churn'] as const;
export type PartName = (typeof partNames)[number];

/** What routemesh is compared with: dockerd's ingress, or the kernel's own tools with the same content. */
export type ReferenceName = 'dockerd' | 'floor';

/** `s`, `ms`: time. `/s`: a rate. `%`: of one core, or of what the figure's name says. `count`: of objects. */
export type Unit = 's' | 'ms' | '/s' | 'MB/s' | 'MiB' | '%' | 'count';

export interface Figure {
  /** What was varied: the title of a table. */
  readonly group: string;
  readonly what: string;
  readonly unit: Unit;
  readonly better: 'lower' | 'higher';
  /** What was varied, for plots: `{ ports: 100 }`. */
  readonly at: Readonly<Record<string, number>>;
  readonly routemesh: Summary;
  readonly reference: (Summary & { readonly name: ReferenceName }) | null;
  /** How many times routemesh is ahead of the reference; above 1 it is. Null without a meaning. */
  readonly ratio: number | null;
}

export interface Machine {
  /** Of the virtual machine. */
  readonly cores: number;
  readonly memoryMiB: number;
  /** `tcg` is software emulation. */
  readonly accelerator: 'kvm' | 'tcg';
  readonly kernel: string;
  readonly suite: string;
  /** Null on bare hosts. */
  readonly docker: string | null;
  readonly routemesh: string;
  readonly node: string;
  /** Nodes of the lab. */
  readonly nodes: number;
}

export interface PartReport {
  readonly measuredAt: string;
  readonly seconds: number;
  /** The smallest sizes and fewest rounds: it shows that the benchmark works, and measures little. */
  readonly small: boolean;
  readonly rounds: number;
  readonly machine: Machine;
  readonly figures: readonly Figure[];
}

export interface Report {
  readonly format: 1;
  readonly parts: Readonly<Partial<Record<PartName, PartReport>>>;
}

export const emptyReport: Report = { format: 1, parts: {} };

/** The parts of both; what was measured again replaces what was. */
export function merge(before: Report, after: Report): Report {
  const parts = { ...before.parts, ...after.parts };
  return { format: 1, parts: Object.fromEntries(partNames.flatMap((name) => (parts[name] === undefined ? [] : [[name, parts[name]]]))) };
}

type Described = Pick<Figure, 'group' | 'what' | 'unit' | 'better'> & { readonly at?: Figure['at'] };

export function figure(described: Described, routemesh: Summary, reference: Figure['reference'] = null): Figure {
  const { group, what, unit, better, at = {} } = described;
  return { group, what, unit, better, at, routemesh, reference, ratio: reference === null ? null : advantage(better, routemesh.value, reference.value) };
}
