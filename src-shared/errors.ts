/** The one error class of the project and its closed list of codes. */

export type ErrorCode =
  | 'bad-argument'
  | 'not-allowed'
  | 'not-found'
  | 'unavailable'
  | 'timeout'
  | 'conflict'
  | 'protocol'
  | 'internal';

/** An error whose message says what was attempted and with what: lower case, no trailing dot, fit to show to a user. */
export class RhumbError extends Error {
  override name = 'RhumbError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The only converter from what `catch` gives: RhumbError as it is, anything else as `internal` with its text. */
export function toRhumbError(error: unknown): RhumbError {
  if (error instanceof RhumbError) return error;
  if (error instanceof Error) return new RhumbError('internal', error.message, { cause: error });
  return new RhumbError('internal', String(error));
}

/** Throws when a thing that must hold by our own construction does not; never used on input. */
export function assert(condition: unknown, why: string): asserts condition {
  if (!condition) throw new RhumbError('internal', `broken invariant: ${why}`);
}
