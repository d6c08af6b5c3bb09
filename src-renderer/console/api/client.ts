/** One call to the server and its answer or a named failure; the only place in the console that fetches. */

import { type CallName, type ConsoleCalls, results } from '#shared/console/calls.ts';
import { failure, type Session, session as sessionSchema } from '#shared/console/live.ts';

export class CallError extends Error {
  override name = 'CallError';
  /** A code of the server's errors, or `offline` and `signed-out`, which only the browser knows. */
  readonly code: string;
  readonly details: unknown;
  constructor(code: string, message: string, details?: unknown) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

const API = '/admin/api';
const TIMEOUT_MS = 30_000;
let csrf = '';

/** Undefined when nobody is signed in. */
export async function loadSession(): Promise<Session | undefined> {
  const { status, body } = await ask(`${API}/session`, { method: 'GET' });
  if (status === 401) return undefined;
  if (status !== 200) throw problemOf(status, body);
  const parsed = sessionSchema.safeParse(body);
  if (!parsed.success) throw unexpected();
  csrf = parsed.data.csrf;
  return parsed.data;
}

export async function call<K extends CallName>(
  name: K,
  arg: ConsoleCalls[K]['arg'],
): Promise<ConsoleCalls[K]['result']> {
  const { status, body } = await ask(`${API}/call/${name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-csrf-token': csrf },
    body: JSON.stringify(arg),
  });
  if (status !== 200) throw problemOf(status, body);
  const parsed = results[name].safeParse(body);
  if (!parsed.success) throw unexpected();
  // The table's schema of this name is that of its result; TypeScript loses that with the index.
  return parsed.data as ConsoleCalls[K]['result'];
}

export async function signOut(path: string): Promise<void> {
  await ask(path, { method: 'POST', headers: { 'x-csrf-token': csrf } });
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function ask(url: string, init: RequestInit): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, {
      ...init,
      credentials: 'same-origin',
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError')
      throw new CallError('timeout', 'the server takes too long to answer: try again');
    throw new CallError('offline', 'the server cannot be reached: check the connection and try again');
  }
  const body: unknown = await response.json().catch(() => undefined);
  return { status: response.status, body };
}

function problemOf(status: number, body: unknown): CallError {
  if (status === 401) return new CallError('signed-out', 'you are signed out: sign in again');
  const parsed = failure.safeParse(body);
  if (!parsed.success) return unexpected();
  const { code, message, details } = parsed.data.error;
  return new CallError(code, message, details);
}

const unexpected = (): CallError =>
  new CallError('protocol', 'the server answered in a way this page does not know: reload the page');

export const problemText = (error: unknown): string =>
  error instanceof CallError ? error.message : 'this page has a fault: reload it, and tell its authors';
