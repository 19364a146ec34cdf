/** What lists are sorted by: on every machine alike, whatever its locale, since nodes must agree without asking each other. */

/** By UTF-16 code unit. */
export function byCodeUnit(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

export function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return byCodeUnit(one.id, other.id);
}
