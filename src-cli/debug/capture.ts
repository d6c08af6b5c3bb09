/** `rhumb debug capture`: the packets of the tunnel, for tools that read pcap. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { RhumbError } from '#shared/errors.ts';
import type { Action } from '../commands/spec.ts';

/** Readable for us alone: it holds what was said. */
const MODE = 0o600;

/** `rhumb debug capture`: until Ctrl-C. */
export const capture: Action = async (context, { flags }) => {
  const path = flags.text('o');
  if (path === '')
    throw new RhumbError(
      'bad-argument',
      'say where: rhumb debug capture -o file.pcap, or -o - | wireshark -k -i -',
    );
  const packets = context.api.stream('POST', 'debug-capture', context.signal);
  if (path === '-') await pipeline(packets, context.stdout);
  else {
    context.err(`Capturing to ${path} until Ctrl-C.\n`);
    await pipeline(packets, createWriteStream(path, { mode: MODE }));
  }
  return 0;
};
