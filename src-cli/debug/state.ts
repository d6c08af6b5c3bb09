/** `rhumb debug …`: what the daemon holds, printed as it is. */
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { fetchRelayMap } from '../commands/derp-map.ts';
import type { Action } from '../commands/spec.ts';
import { goJson } from '../print/go-json.ts';
import { actionJson } from './actions.ts';

/** `rhumb debug prefs`. */
export const debugPrefs: Action = async (context, { flags }) => {
  const json = await context.api.get('prefs', context.signal);
  context.out(flags.bool('pretty') ? `${pretty(json)}\n` : `${goJson(json, '\t')}\n`);
  return 0;
};

const says = (value: unknown): boolean =>
  value !== null &&
  value !== undefined &&
  value !== false &&
  value !== '' &&
  !(typeof value === 'object' && Object.keys(value).length === 0);

/** Only what says something, in one line. */
function pretty(json: unknown): string {
  const fields = Object.entries(typeof json === 'object' && json !== null ? json : {})
    .filter(([name, value]) => says(value) && name !== 'Config')
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  return `Prefs{${fields.join(' ')}}`;
}

/** `rhumb debug netmap`. */
export const debugNetmap: Action = async (context) => {
  context.out(`${goJson(await actionJson(context, 'current-netmap'), '\t')}\n`);
  return 0;
};

/** `rhumb debug derp-map`. */
export const debugDerpMap: Action = async (context) => {
  context.out(`${goJson(await fetchRelayMap(context), '\t')}\n`);
  return 0;
};

const engine = z.object({ Kind: z.string(), Cipher: z.string(), Reason: z.string() });

/** `rhumb debug engine`. */
export const debugEngine: Action = async ({ api, out, signal }) => {
  const parsed = engine.safeParse(await api.get('rhumb/engine', signal));
  if (!parsed.success)
    throw new RhumbError('protocol', "engine: the daemon's reply is malformed", { cause: parsed.error });
  const { Kind, Cipher, Reason } = parsed.data;
  out(`${Kind} engine, because ${Reason}\ncipher: ${Cipher}\n`);
  return 0;
};

/** `rhumb debug statedir`. */
export const debugStateDir: Action = async (context) => {
  const folder = await actionJson(context, 'statedir');
  if (typeof folder !== 'string')
    throw new RhumbError('protocol', "statedir: the daemon's reply is malformed");
  if (folder === '') throw new RhumbError('unavailable', 'no statedir is set');
  context.out(`${folder}\n`);
  return 0;
};

/** `rhumb debug daemon-goroutines`. */
export const debugGoroutines: Action = async ({ api, out, signal }) => {
  out(await api.text('GET', 'goroutines', 200, signal));
  return 0;
};
