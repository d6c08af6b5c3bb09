/** `rhumb debug ts2021`: the control channel step by step, with a machine key of its own. */

import { randomBytes } from '#shared/crypto/random.ts';
import { importPrivate } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { fetchControlKey } from '#shared/node/control-key.ts';
import { dialTs2021 } from '#shared/node/ts2021-client.ts';
import type { Context } from '../commands/context.ts';
import type { Action } from '../commands/spec.ts';

const TRIES = 2;
const KEY_BYTES = 32;

/** `rhumb debug ts2021`. */
export const ts2021: Action = async (context, { flags }) => {
  const server = await serverOf(context, flags.text('host'));
  const say = (line: string): void => context.out(`${line}\n`);
  say(`Fetching keys from ${new URL('/key', server)} ...`);
  const controlKey = await fetchControlKey(server, context.signal);
  if (flags.bool('verbose')) say(`got public key: ${controlKey}`);
  const machine = importPrivate(randomBytes(KEY_BYTES));
  for (let attempt = 1; ; attempt++) {
    const began = context.clock.monotonic();
    try {
      await using channel = await dialTs2021({
        serverUrl: server,
        controlKey,
        machine,
        clock: context.clock,
        signal: context.signal,
      });
      const tookMs = Math.round(context.clock.monotonic() - began);
      say(`did noise handshake over ${channel.via} in ${tookMs} ms`);
      if (channel.localAddress !== undefined) say(`from ${channel.localAddress}`);
      return 0;
    } catch (error) {
      if (!(error instanceof RhumbError) || attempt === TRIES) throw error;
      say(`error on attempt ${attempt}/${TRIES}: ${error.message}`);
    }
  }
};

/** The server named, else the one of the daemon. */
async function serverOf({ api, signal }: Context, host: string): Promise<URL> {
  const text =
    host === '' ? (await api.prefs(signal)).ControlURL : host.includes('://') ? host : `https://${host}`;
  if (text === '')
    throw new RhumbError('bad-argument', 'the daemon knows no coordination server: name one with --host');
  if (!URL.canParse(text))
    throw new RhumbError('bad-argument', `--host: not a host: ${JSON.stringify(host)}`);
  return new URL(text);
}
