/** `rhumb web`: the page of this daemon in a browser, by a link that works once. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { Context } from './context.ts';
import type { Action } from './spec.ts';

const reply = z.looseObject({ URL: z.url({ protocol: /^http$/ }).max(2_048) });

/** `rhumb web`. */
export const web: Action = async (context, { flags }) => {
  const parsed = reply.safeParse(await ask(context, flags.bool('readonly')));
  if (!parsed.success) throw new RhumbError('protocol', "rhumb/web: the daemon's reply is malformed");
  const url = parsed.data.URL;
  context.out(`${url}\n`);
  context.err('The link works once, within five minutes. Whoever has it may do what you may do.\n');
  if (!flags.bool('browser')) return 0;
  // The arguments of programs are for everybody to read, and root's links are not for one user alone.
  if (context.isRoot && context.platform === 'linux')
    context.err('No browser is started for root: open the link yourself.\n');
  else if (!(await context.openUrl(url)))
    context.err('No browser could be started: open the link yourself.\n');
  return 0;
};

async function ask({ api, signal }: Context, isReadonly: boolean): Promise<unknown> {
  try {
    return await api.post(`rhumb/web${isReadonly ? '?readonly=true' : ''}`, undefined, signal);
  } catch (error) {
    if (error instanceof RhumbError && error.code === 'not-found')
      throw new RhumbError('unavailable', 'this daemon has no page: it is no rhumbd, or an old one', {
        cause: error,
      });
    throw error;
  }
}
