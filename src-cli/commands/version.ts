/** `rhumb version`: which version this is, and which the daemon is. */
import { longVersion, VERSION } from '#shared/version.ts';
import { CAPABILITY_VERSION } from '#shared/wire/scalars.ts';
import { goJson } from '../print/go-json.ts';
import type { Command } from './spec.ts';

export const versionCommand: Command = {
  name: 'version',
  about: 'Show the version',
  flags: [
    { name: 'daemon', kind: 'bool', about: 'also show the version of the daemon' },
    { name: 'json', kind: 'bool', about: 'print JSON' },
  ],
  run: async (context, { flags }) => {
    const daemon = flags.bool('daemon')
      ? (await context.api.status({ peers: false }, context.signal)).Version
      : undefined;
    if (flags.bool('json')) context.out(`${goJson(versionJson(daemon), '\t')}\n`);
    else context.out(renderVersion(daemon));
    return 0;
  },
};

const versionJson = (daemon: string | undefined): unknown => ({
  majorMinorPatch: VERSION,
  short: VERSION,
  long: longVersion(),
  ...(daemon !== undefined && { daemonLong: daemon }),
  cap: CAPABILITY_VERSION,
});

function renderVersion(daemon: string | undefined): string {
  const own = `${VERSION}\n  long version: ${longVersion()}\n  node version: ${process.version}\n`;
  return daemon === undefined ? own : `Client: ${own}Daemon: ${daemon}\n`;
}
