/**
 * Who may ask the page's server, and what its answers say to the browser. Pure.
 *
 * The page has no password: what keeps others out is that only this machine reaches it. A browser on this machine also
 * runs strangers' pages, so a request must come from the page itself:
 * - the Host header must name an address, not a name that a stranger's DNS could point here (DNS rebinding);
 * - what the browser says of the request's origin (Sec-Fetch-Site) must be the page, or a person.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

export interface Refusal {
  readonly status: 400 | 403 | 405;
  readonly error: string;
}

export interface AskedRequest {
  readonly method: string | undefined;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Null: it may be answered. `address`: the one that the page is served on. */
export function refusalOf({ method, path, headers }: AskedRequest, address: string): Refusal | null {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, error: 'only GET is answered here' };
  if (headers.host === undefined) return { status: 400, error: 'a request without a Host header' };
  if (!isOurs(headers.host, address)) return { status: 403, error: `this page is served as ${address}, and by no name; open it by its address, or by localhost` };
  if (isFromElsewhere(headers, path)) return { status: 403, error: 'another site asked for this' };
  return null;
}

/** Whatever port: an ssh forward gives it another one, and a stranger's page can't choose the name by it. */
function isOurs(host: string, address: string): boolean {
  const [, name] = /^([a-z0-9.-]{1,253})(?::\d{1,5})?$/i.exec(host) ?? [];
  return name !== undefined && ['localhost', '127.0.0.1', address].includes(name.toLowerCase());
}

/** A link on another site may lead to the page itself, and to nothing else. Programs such as curl say nothing of it. */
function isFromElsewhere(headers: IncomingHttpHeaders, path: string): boolean {
  const site = headers['sec-fetch-site'];
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  return !(path === '/' && headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document');
}

/**
 * Nothing but this server's own scripts, styles and answers; never in a frame; and no text ever becomes markup
 * (Trusted Types), whatever a service is called.
 */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

export const commonHeaders: Readonly<OutgoingHttpHeaders> = {
  'content-security-policy': contentSecurityPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
};
