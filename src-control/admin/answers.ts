/** What a server answered to a call, read on the other side of the socket or the network. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';

const CODES = [
  ...(['bad-argument', 'not-allowed', 'not-found', 'unavailable', 'timeout', 'conflict'] as const),
  ...(['protocol', 'internal'] as const),
] as const;

const failure = z.object({
  // The API has words of its own for who asks too much, or is nobody.
  error: z.object({ code: z.string().max(64), message: z.string().max(4_096) }),
});

/** The result of a call that was carried out; throws what the server says otherwise. */
export function readAnswer(status: number, body: unknown): unknown {
  if (status === 200) return body;
  const problem = failure.safeParse(body);
  if (!problem.success) throw new RhumbError('protocol', 'the server answered something unknown');
  const { code, message } = problem.data.error;
  throw new RhumbError(CODES.find((one) => one === code) ?? 'not-allowed', message);
}
