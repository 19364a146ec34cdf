/** One thing that the doctor looked at. */
export type Outcome = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** What was looked at: `module ip_vs`, `iptables`, `gateway subnet`. */
  readonly check: string;
  readonly outcome: Outcome;
  /** One line: what is the case. */
  readonly finding: string;
  /** What to do about it; on everything that is not ok. */
  readonly remedy?: string;
}

export function ok(check: string, finding: string): Finding {
  return { check, outcome: 'ok', finding };
}

/** The mesh works, but not all of it, or not for ever. */
export function warn(check: string, finding: string, remedy: string): Finding {
  return { check, outcome: 'warn', finding, remedy };
}

/** The mesh does not work. */
export function fail(check: string, finding: string, remedy: string): Finding {
  return { check, outcome: 'fail', finding, remedy };
}
