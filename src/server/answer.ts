/** How a request is answered: by the route of its path, with a whole body or, where the route takes it over, line by line. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../log.js';

export interface Answer {
  readonly status: number;
  /** Told as JSON; a string with a `contentType` of its own as it is. */
  readonly body: unknown;
  readonly contentType?: string;
}

/** What a route is asked. */
export interface Question {
  readonly query: URLSearchParams;
  readonly response: ServerResponse;
  /** Only the head of the answer is asked for. */
  readonly isHead: boolean;
}

/** Null: the route has taken the response over. */
export type Route<Facts> = (facts: Facts, question: Question) => Promise<Answer | null> | Answer | null;

export type Routes<Facts> = Readonly<Record<string, Route<Facts>>>;

export async function respond<Facts>(request: IncomingMessage, response: ServerResponse, routes: Routes<Facts>, facts: Facts, logger: Logger): Promise<void> {
  // Told in words already: what can't be is an answer that failed, and no reason for the controller to end.
  const answer = await answerTo(request, response, routes, facts).then(inWords).catch((error: unknown): Answer => {
    logger.warn('A request to the controller failed', { url: request.url, error });
    return inWords({ status: 500, body: { error: error instanceof Error ? error.message : String(error) } });
  });
  if (answer === null) return;
  const body = String(answer.body);
  // A body is never read: nothing that is asked here has one.
  const close = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  response.writeHead(answer.status, {
    'content-type': answer.contentType ?? 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(answer.status === 405 ? { allow: 'GET, HEAD' } : {}),
    ...(close ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function inWords<Given extends Answer | null>(answer: Given): Given {
  return answer === null || answer.contentType !== undefined ? answer : { ...answer, body: `${JSON.stringify(answer.body)}\n` };
}

async function answerTo<Facts>(request: IncomingMessage, response: ServerResponse, routes: Routes<Facts>, facts: Facts): Promise<Answer | null> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: { error: 'only GET is answered here' } };
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return { status: 404, body: { error: `nothing is here; there are ${Object.keys(routes).join(', ')}` } };
  return route(facts, { query: new URLSearchParams(query), response, isHead: request.method === 'HEAD' });
}
