/** What a call failed with; anything that is not one of ours counts as a fault inside. */
import type { BridgeCode } from '#shared/bridge/values.ts';

export class CallError extends Error {
  override name = 'CallError';
  readonly code: BridgeCode;
  constructor(code: BridgeCode, message: string) {
    super(message);
    this.code = code;
  }
}

const CODES: Readonly<Record<BridgeCode, true>> = {
  'bad-argument': true,
  'not-allowed': true,
  'not-found': true,
  unavailable: true,
  timeout: true,
  cancelled: true,
  conflict: true,
  managed: true,
  internal: true,
};

const isCode = (value: unknown): value is BridgeCode =>
  typeof value === 'string' && Object.hasOwn(CODES, value);

/** A person said no to the system's question: nothing is different now. The system's helpers have no code of their own for it. */
export function isDeclined(error: unknown): boolean {
  const { code, message } = toCallError(error);
  return code === 'cancelled' || message.startsWith('nothing was changed');
}

/** Errors lose their class on their way through a context bridge; `code` and `message` stay. */
export function toCallError(error: unknown): CallError {
  if (error instanceof CallError) return error;
  if (typeof error !== 'object' || error === null) return new CallError('internal', String(error));
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return new CallError(isCode(code) ? code : 'internal', typeof message === 'string' ? message : 'unknown');
}
