/** `rhumb debug daemon-logs` and `component-logs`: the daemon's log as it is written, and more of it. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { lines } from '#shared/node/localapi-client.ts';
import type { Action } from '../commands/spec.ts';
import { formatDuration } from '../print/duration.ts';

const MAX_LINE = 1024 * 1024;

const logLine = z.looseObject({
  text: z.string().optional(),
  v: z.number().optional(),
  logtail: z.looseObject({ client_time: z.string().optional() }).optional(),
});

/** `rhumb debug daemon-logs`. */
export const daemonLogs: Action = async (context, { flags }) => {
  for await (const line of lines(context.api.stream('GET', 'logtap', context.signal), MAX_LINE)) {
    if (line.trim() === '') continue;
    const { text, v = 0, logtail } = read(line);
    const said = (text ?? line).trim();
    if (said === '' || v > flags.number('verbose')) continue;
    const time = logtail?.client_time ?? '';
    context.out(`${flags.bool('time') && time !== '' ? `${time} ` : ''}${said}\n`);
  }
  throw new RhumbError('unavailable', 'the daemon ended its log; has it just stopped?');
};

/** A line that is no JSON is a line of a log, too. */
function read(line: string): z.infer<typeof logLine> {
  try {
    return logLine.catch({}).parse(JSON.parse(line));
  } catch {
    return { text: line };
  }
}

const componentReply = z.looseObject({ Error: z.string().optional() });

/** `rhumb debug component-logs`. */
export const componentLogs: Action = async (context, { flags, args }) => {
  const [component] = args;
  if (component === undefined)
    throw new RhumbError('bad-argument', 'usage: rhumb debug component-logs [--for=1h] <part>');
  const ms = flags.number('for');
  const query = new URLSearchParams({ component, secs: String(Math.floor(ms / 1_000)) });
  const reply = componentReply.safeParse(
    await context.api.post(`component-debug-logging?${query}`, undefined, context.signal),
  );
  if (!reply.success)
    throw new RhumbError('protocol', "component-debug-logging: the daemon's reply is malformed");
  if ((reply.data.Error ?? '') !== '') throw new RhumbError('bad-argument', reply.data.Error ?? '');
  const name = JSON.stringify(component);
  context.out(
    ms === 0
      ? `Disabled debug logs for component ${name}\n`
      : `Enabled debug logs for component ${name} for ${formatDuration(ms)}\n`,
  );
  return 0;
};
