/** `rhumb debug watch-ipn`: the messages of the daemon, as JSON (localapi-and-daemon.md §2.7). */
import type { Action, FlagValues } from '../commands/spec.ts';
import { goJson } from '../print/go-json.ts';

const NO_NETMAP = 8_192;
const INITIAL_NETMAP = 8;

/** Which bits each flag sets. */
const BITS: Readonly<Record<string, number>> = {
  initial: 2 | 4,
  netmap: INITIAL_NETMAP,
  'engine-updates': 1,
  'initial-drive-shares': 32,
  'initial-outgoing-files': 64,
  'initial-health': 128,
  'health-actions': 512,
  'initial-suggested-exit-node': 1_024,
  'initial-client-version': 2_048,
  'peer-changes': 4_096,
  'initial-status': 16_384,
  'peer-patches': 32_768,
  'peer-wireguard-state': 262_144,
};

export const watchMask = (flags: FlagValues): number =>
  Object.entries(BITS).reduce(
    (mask, [name, bits]) => (flags.bool(name) ? mask | bits : mask),
    flags.bool('netmap') ? 0 : NO_NETMAP,
  );

/** `rhumb debug watch-ipn`. */
export const debugWatch: Action = async (context, { flags }) => {
  const count = flags.number('count');
  let seen = 0;
  context.err('Connected.\n');
  for await (const message of context.api.watchJson(watchMask(flags), context.signal)) {
    context.out(`${goJson(message, '\t')}\n`);
    if (++seen === count) break;
  }
  return 0;
};
