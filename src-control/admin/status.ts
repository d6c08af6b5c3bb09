/** What HTTP calls each kind of error; the same at the socket, the API and the console. */
import type { ErrorCode } from '#shared/errors.ts';

export const STATUS = {
  'bad-argument': 400,
  'not-allowed': 403,
  'not-found': 404,
  conflict: 409,
  unavailable: 503,
  timeout: 504,
  protocol: 400,
  internal: 500,
} as const satisfies Readonly<Record<ErrorCode, number>>;
