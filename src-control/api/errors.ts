/** What went wrong, in the words of each API: `{message}` for v2, problem documents (RFC 9457) for v1, our own for the rest. */
import type { ErrorCode } from '#shared/errors.ts';

export interface Failure {
  readonly status: number;
  readonly message: string;
  readonly code: ErrorCode | 'unauthorized' | 'too-many' | 'too-large' | 'precondition';
  /** What else there is to say, a line for each. */
  readonly details?: readonly string[] | undefined;
}

/** As the handler wants it, whatever the table of codes says. */
export class HttpFailure extends Error {
  override name = 'HttpFailure';
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

export type Style = 'v1' | 'v2' | 'x';

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

export function failureBody(
  style: Style,
  failure: Failure,
): { readonly type: string; readonly body: unknown } {
  const { status, message, code, details } = failure;
  if (style === 'x') return { type: 'application/json', body: { error: { code, message } } };
  if (style === 'v2') {
    const data = details === undefined ? {} : { data: [{ errors: details }] };
    return { type: 'application/json', body: { message, ...data, status } };
  }
  // Who is nobody is told no more than that.
  const lines = status === 401 ? undefined : (details ?? [message]);
  const errors = lines === undefined ? {} : { errors: lines.map((one) => ({ message: one })) };
  return {
    type: 'application/problem+json',
    body: { title: TITLES[status] ?? 'Error', status, detail: message, ...errors },
  };
}
