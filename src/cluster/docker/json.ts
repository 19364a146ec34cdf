/** Reading JSON that others wrote: every accessor is total, a missing or odd field is null, {} or []. */

export function field(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  return current;
}

export function textOf(value: unknown, ...path: readonly string[]): string | null {
  const found = field(value, ...path);
  return typeof found === 'string' ? found : null;
}

export function numberOf(value: unknown, ...path: readonly string[]): number | null {
  const found = field(value, ...path);
  return typeof found === 'number' && Number.isFinite(found) ? found : null;
}

export function listOf(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = field(value, ...path);
  return Array.isArray(found) ? found : [];
}

export function recordOf(value: unknown, ...path: readonly string[]): Readonly<Record<string, unknown>> {
  const found = field(value, ...path);
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Record<string, unknown>) : {};
}

/** Ids reach file names and device names: Swarm's are 25 of a-z0-9, containers' and local networks' 64 hexadecimal digits. */
export function idOf(value: unknown, ...path: readonly string[]): string | null {
  const found = textOf(value, ...path);
  return found !== null && /^[A-Za-z0-9]{1,64}$/.test(found) ? found : null;
}

/** Names are printed; one with control characters is not a name. */
export function nameOf(value: unknown, ...path: readonly string[]): string | null {
  const found = textOf(value, ...path);
  return found !== null && found.length > 0 && found.length <= 255 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(found) ? found : null;
}
