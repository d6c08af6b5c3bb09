/** One request of a peer: who may ask what, and the answer (localapi-and-daemon.md §8.2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAdmitted, securityHeaders } from './admission.ts';
import type { Caller, Dns, PeerApiWorld } from './caller.ts';
import { questionOf, readableAnswer } from './doh.ts';
import { greeting } from './greeting.ts';
import { refuse, send } from './reply.ts';

/** Longer than a resolver tries, short enough to be noticed by people. */
const DNS_TIMEOUT_MS = 5_000;
/** Of one machine: a browser asks for dozens, and others want their share. */
const MAX_QUESTIONS = 64;
const PAGES = '/v0/';

export interface PeerRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly caller: Caller;
  /** The caller's address. */
  readonly ip: string;
  /** Addresses of this machine. */
  readonly own: readonly string[];
  readonly world: PeerApiWorld;
  /** How many each caller has under way. */
  readonly questions: Map<string, number>;
}

export async function answer(call: PeerRequest): Promise<'answered' | 'refused'> {
  const { request, response, own } = call;
  if (!isAdmitted(request.headers, own)) {
    refuse(response, 403, 'invalid peerapi request');
    return 'refused';
  }
  for (const [name, value] of Object.entries(securityHeaders(request.headers)))
    response.setHeader(name, value);
  const url = urlOf(request.url ?? '/');
  if (url === undefined) refuse(response, 400, 'bad request path');
  else if (url.pathname === '/dns-query') await resolve(call, url.searchParams);
  else if (url.pathname.startsWith(PAGES)) page(call, url.pathname.slice(PAGES.length));
  else if (url.pathname === '/') greet(call);
  else refuse(response, 404, 'unsupported peerapi path');
  return 'answered';
}

/** Only a path: proxies' absolute forms are not for us. */
const urlOf = (path: string): URL | undefined =>
  path.startsWith('/') ? (URL.parse(`http://peer${path}`) ?? undefined) : undefined;

function greet({ request, response, caller, ip, world }: PeerRequest): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    refuse(response, 405, 'bad HTTP method');
    return;
  }
  const body = greeting(caller, ip, Object.keys(world.pages));
  send(response, 200, 'text/html; charset=utf-8', body, request.method === 'HEAD');
}

function page({ request, response, caller, world }: PeerRequest, name: string): void {
  const text = Object.hasOwn(world.pages, name) ? world.pages[name] : undefined;
  if (text === undefined) refuse(response, 404, 'unsupported peerapi path');
  else if (!caller.mayDebug) refuse(response, 403, 'denied; no debug access');
  else if (request.method !== 'GET') refuse(response, 405, 'bad HTTP method');
  else send(response, 200, 'text/plain; charset=utf-8', text());
}

async function resolve(call: PeerRequest, params: URLSearchParams): Promise<void> {
  const { response, caller, world, questions } = call;
  const dns = world.dns();
  if (dns === undefined) {
    refuse(response, 501, 'DNS not wired up');
    return;
  }
  if (!caller.mayResolve) {
    refuse(response, 403, 'DNS access denied');
    return;
  }
  const underWay = questions.get(caller.id) ?? 0;
  if (underWay >= MAX_QUESTIONS) {
    refuse(response, 503, 'too many DNS questions at a time');
    return;
  }
  questions.set(caller.id, underWay + 1);
  try {
    await ask(call, dns, params);
  } finally {
    const left = (questions.get(caller.id) ?? 1) - 1;
    if (left > 0) questions.set(caller.id, left);
    else questions.delete(caller.id);
  }
}

async function ask(
  { request, response, world }: PeerRequest,
  dns: Dns,
  params: URLSearchParams,
): Promise<void> {
  const question = await questionOf(request, params);
  if (question.kind === 'bad') {
    refuse(response, 400, question.why);
    return;
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(DNS_TIMEOUT_MS)]);
  const found = await dns
    .answerForPeer(question.query, { refused: world.refusedNames(), signal })
    .catch((error: unknown) => (error instanceof Error ? error : new Error('failed')));
  if (found instanceof Error) refuse(response, 500, signal.aborted ? 'DNS timeout' : 'DNS forwarding error');
  else if (found === undefined) refuse(response, 400, 'not a DNS question');
  else if (question.kind === 'readable') send(response, 200, 'application/json', readableAnswer(found));
  else send(response, 200, 'application/dns-message', found);
}
