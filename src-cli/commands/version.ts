/** `rhumb version`: which version this is, and which the daemon is. */
import { longVersion, VERSION } from '#shared/version.ts';
import { CAPABILITY_VERSION } from '#shared/wire/capability.ts';
import { goJson } from '../print/go-json.ts';
import type { Action } from './spec.ts';

/** `rhumb version`. */
export const version: Action = async (context, { flags }) => {
  const daemon = flags.bool('daemon')
    ? (await context.api.status({ peers: false }, context.signal)).Version
    : undefined;
  const upstream = flags.bool('upstream')
    ? await (await import('./newest.ts')).newest(context, flags.text('track'))
    : undefined;
  if (flags.bool('json')) context.out(`${goJson(versionJson(daemon, upstream), '\t')}\n`);
  else context.out(renderVersion(daemon, upstream));
  return 0;
};

const versionJson = (daemon: string | undefined, upstream: string | undefined): unknown => ({
  majorMinorPatch: VERSION,
  short: VERSION,
  long: longVersion(),
  ...(daemon !== undefined && { daemonLong: daemon }),
  cap: CAPABILITY_VERSION,
  ...(upstream !== undefined && { upstream }),
});

function renderVersion(daemon: string | undefined, upstream: string | undefined): string {
  const own = `${VERSION}\n  long version: ${longVersion()}\n  node version: ${process.version}\n`;
  if (daemon === undefined) return upstream === undefined ? own : `${own}  upstream: ${upstream}\n`;
  const last = upstream === undefined ? '' : `Upstream: ${upstream}\n`;
  return `Client: ${own}Daemon: ${daemon}\n${last}`;
}
