/** `generate private-key`: a key as files of keys hold it. */
import type { Command } from 'commander';
import { generatePrivate } from '#shared/crypto/x25519.ts';
import { formatPrivate } from '#shared/key/key.ts';
import { group, leaf } from './command.ts';
import { type Io, readGlobals, show } from './context.ts';

export function generateCommand(io: Io): Command {
  const command = leaf('private-key', 'make a private key, for a Noise or relay key file').action(() => {
    const key = formatPrivate(generatePrivate());
    show(io, readGlobals(command).format, { private_key: key }, () => key);
  });
  return group('generate', 'things that are made, and kept nowhere').alias('gen').addCommand(command);
}
