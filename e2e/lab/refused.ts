/** What a refusal must look like to a user: a failure, one clear error that says why, and no stack trace. */
import type { ExecResult } from './exec.ts';
import { must } from './wait.ts';

/** More is not one clear error. */
const MAX_LINES = 8;

export function refused(what: string, { code, stdout, stderr }: ExecResult, says: RegExp): void {
  const text = `${stdout}${stderr}`.trim();
  must(code !== 0, `${what} should be refused, but: ${text}`);
  must(says.test(text), `${what} should be refused with ${says}, but: ${text}`);
  must(!/^\s+at /m.test(text), `${what} is refused with a stack trace: ${text}`);
  must(text.split('\n').length <= MAX_LINES, `${what} is refused at too much length: ${text}`);
}
