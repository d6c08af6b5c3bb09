/** `oidc status`: whether the identity providers are there, and how sign-ins went. */
import { Command } from 'commander';
import { configFor, type Io, openAdmin, readGlobals, show, withGlobalOptions } from './context.ts';
import { oidcTable } from './print.ts';

export function oidcCommand(io: Io): Command {
  const status = withGlobalOptions(
    new Command('status').description('show the identity providers and how sign-ins went'),
  ).action(async () => {
    const globals = readGlobals(status);
    await using admin = await openAdmin(configFor(globals), io, 'refuse');
    const answer = await admin.call('oidc.status', {});
    show(io, globals.format, answer, () => oidcTable(answer));
  });
  return new Command('oidc').description('sign-in at identity providers').addCommand(status);
}
