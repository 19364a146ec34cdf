/** Numbers for people: short, of steady width, honest about what is too small to show. */

/** `0`, `<1`, `42`, `1.2k`, `3.4M`. */
export function short(value: number): string {
  if (value <= 0) return '0';
  if (value < 1) return '<1';
  const units = ['', 'k', 'M', 'G', 'T'];
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && scaled < 99.95 ? 1 : 0;
  return `${scaled.toFixed(digits)}${units[unit] ?? ''}`;
}

/** `1.2 kB/s`; nothing for nothing. */
export function bytesPerSecond(value: number): string {
  if (value < 1) return '0 B/s';
  const text = short(value);
  const unit = /[kMGT]$/.exec(text)?.[0] ?? '';
  return `${unit === '' ? text : text.slice(0, -1)} ${unit}B/s`;
}

export function perSecond(value: number): string {
  return `${short(value)}/s`;
}

export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

/** `12 s ago`; milliseconds since 1970. */
export function ago(then: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

/** `14:03:22` of this browser's clock. */
export function clock(milliseconds: number): string {
  return new Date(milliseconds).toTimeString().slice(0, 8);
}
