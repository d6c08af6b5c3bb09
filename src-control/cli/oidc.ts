/** `oidc status`: whether the identity providers are there, and how sign-ins went. */
import { Command } from 'commander';
import type { OidcStatusJson } from '../admin/oidc.ts';
import { configFor, type Io, openAdmin, readGlobals, show, withGlobalOptions } from './context.ts';
import { table } from './print.ts';

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

export const oidcTable = (status: OidcStatusJson): string =>
  [
    table(
      ['ID', 'Name', 'Issuer', 'State'],
      status.providers.map((one) => [
        one.id,
        one.name,
        one.issuer,
        one.problem === null ? (one.ready ? 'ready' : 'not found yet') : `away: ${one.problem}`,
      ]),
    ),
    ...(status.providers.length === 0 ? ['no identity provider is configured (oidc)'] : []),
    ...(status.redirect_uri === '' ? [] : [`redirect address: ${status.redirect_uri}`]),
    ...Object.entries(status.counts).map(([what, count]) => `${what}: ${count}`),
  ].join('\n');
