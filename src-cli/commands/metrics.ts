/** `rhumb metrics`: figures of the daemon for monitoring, on the screen or in a file. */
import { RhumbError } from '#shared/errors.ts';
import type { Context } from './context.ts';
import type { Action } from './spec.ts';

const fetchMetrics = ({ api, signal }: Context): Promise<string> =>
  api.text('GET', 'usermetrics', 200, signal);

/** `rhumb metrics` and `rhumb metrics print`. */
export const metricsPrint: Action = async (context) => {
  context.out(await fetchMetrics(context));
  return 0;
};

/** Collectors run as another user. */
const READABLE = 0o644;

/** `rhumb metrics write`. */
export const metricsWrite: Action = async (context, { args }) => {
  const [path] = args;
  if (path === undefined) throw new RhumbError('bad-argument', 'usage: rhumb metrics write <path>');
  const text = await fetchMetrics(context);
  try {
    await context.writeFile(path, text, READABLE);
  } catch (error) {
    throw new RhumbError(
      'unavailable',
      `can't write ${path}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
  return 0;
};
