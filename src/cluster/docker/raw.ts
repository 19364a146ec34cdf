/** Docker's own words: objects of its API as they came, each looked into only through `json.ts`. */

/** One object of `/services`, `/tasks`, `/nodes` or `/networks`. */
export type RawObject = unknown;

export interface RawCluster {
  readonly services: readonly RawObject[];
  readonly tasks: readonly RawObject[];
  readonly nodes: readonly RawObject[];
  /** Of scope `swarm`. */
  readonly networks: readonly RawObject[];
}

/** Told while converting: an odd object that was skipped, a task that waits for something. For the log. */
export type Note = string;
