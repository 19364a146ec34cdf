/** Spans of time for people: `18 ms`, `2 s`, `3 min`, `2 h 3 min`, `4 d 2 h`. */
export function span(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.max(0, Math.round(milliseconds))} ms`;
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
}

/** `2 s ago`; clocks that disagree by a little say `now`. */
export function ago(time: string, now: Date): string {
  const milliseconds = now.getTime() - Date.parse(time);
  return milliseconds < 1000 ? 'now' : `${span(milliseconds)} ago`;
}
