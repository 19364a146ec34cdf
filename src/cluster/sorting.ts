/** What lists are sorted by: on every machine alike, whatever its locale, since nodes must agree without asking each other. */

/** By UTF-16 code unit. */
export function byCodeUnit(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

const natural = new Intl.Collator('en', { numeric: true });

/** Of names and addresses, for people: web.2 before web.10, 10.0.0.9 before 10.0.0.10. */
export function byName(one: string, other: string): number {
  return natural.compare(one, other);
}

export function byId(one: { readonly id: string }, other: { readonly id: string }): number {
  return byCodeUnit(one.id, other.id);
}
