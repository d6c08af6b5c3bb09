/** `rhumb debug …`: words to the daemon (localapi-and-daemon.md §2.1, actions of `debug`). */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import type { Context } from '../commands/context.ts';
import type { Action } from '../commands/spec.ts';
import { goJson } from '../print/go-json.ts';

const pathOf = (action: string): string => `debug?action=${encodeURIComponent(action)}`;

/** The daemon does it and has nothing to say. */
export const debugAction =
  (action: string): Action =>
  async ({ api, signal }) => {
    await api.text('POST', pathOf(action), 200, signal);
    return 0;
  };

/** What an action replies, as JSON. */
export const actionJson = ({ api, signal }: Context, action: string): Promise<unknown> =>
  api.post(pathOf(action), undefined, signal);

/** Prints what an action replies. */
export const debugJson =
  (action: string): Action =>
  async (context) => {
    context.out(`${goJson(await actionJson(context, action), '  ')}\n`);
    return 0;
  };

/** `rhumb debug force-prefer-derp`. */
export const forcePreferDerp: Action = async ({ api, signal }, { args }) => {
  const [region = ''] = args;
  if (!/^\d{1,9}$/.test(region))
    throw new RhumbError('bad-argument', 'expected exactly one number: the id of a region, or 0');
  const reply = await api.raw({ method: 'POST', path: pathOf('force-prefer-derp'), text: region }, signal);
  if (reply.status !== 200)
    throw new RhumbError('unavailable', `failed to force preferred DERP: ${reply.text.trim() || reply.line}`);
  return 0;
};

const reloaded = z.looseObject({ Reloaded: z.boolean().optional(), Err: z.string().optional() });

/** `rhumb debug reload-config`: 1 where the daemon runs without a configuration file. */
export const reloadConfig: Action = async (context) => {
  const parsed = reloaded.safeParse(await context.api.post('reload-config', undefined, context.signal));
  if (!parsed.success)
    throw new RhumbError('protocol', "reload-config: the daemon's reply is malformed", {
      cause: parsed.error,
    });
  const { Reloaded = false, Err = '' } = parsed.data;
  if (Err !== '') throw new RhumbError('unavailable', Err);
  context.out(Reloaded ? 'config reloaded\n' : 'config mode not in use\n');
  return Reloaded ? 0 : 1;
};

/** `rhumb debug set-expire`. */
export const setExpire: Action = async ({ api, clock, signal }, { flags }) => {
  const inMs = flags.number('in');
  if (inMs === 0) throw new RhumbError('bad-argument', 'usage: rhumb debug set-expire --in=<duration>');
  const at = Math.floor((clock.now() + inMs) / 1_000);
  await api.text('POST', `set-expiry-sooner?expiry=${at}`, 200, signal);
  return 0;
};

/** `rhumb debug derp`. */
export const debugDerp: Action = async (context, { args }) => {
  const [region] = args;
  if (region === undefined) throw new RhumbError('bad-argument', 'usage: rhumb debug derp <region>');
  const query = new URLSearchParams({ region });
  const report = await context.api.post(`debug-derp-region?${query}`, undefined, context.signal);
  context.out(`${goJson(report, ' ')}\n`);
  return 0;
};
