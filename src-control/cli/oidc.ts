/** `oidc status`: whether the identity providers are there, and how sign-ins went. */
import { Command } from 'commander';
import type { OidcStatusJson } from '../admin/oidc.ts';
import { against } from './command.ts';
import { type Io, openNamed, readGlobals, show, withGlobalOptions } from './context.ts';
import { table } from './print.ts';

export function oidcCommand(io: Io): Command {
  const status = withGlobalOptions(
    new Command('status').description('show the identity providers and how sign-ins went'),
  ).action(async () => {
    const globals = readGlobals(status);
    await using admin = await openNamed(globals, io, 'refuse');
    const answer = await admin.call('oidc.status', {});
    show(io, globals.format, answer, () => oidcTable(answer));
  });
  const migrate = withGlobalOptions(
    new Command('migrate-issuer').description(
      'the provider has another address: keep its users who they are',
    ),
  )
    .argument('<old>', 'the issuer as users have it now')
    .argument('<new>', 'as the provider says it from now on')
    .option('--dry-run', 'only show whom it concerns', false)
    .action(async (from: string, to: string, { dryRun }: { dryRun: boolean }) =>
      against(io, migrate, async (admin, { format }) => {
        const answer = await admin.call('oidc.migrate-issuer', { from, to, dry: dryRun });
        const names = answer.users.map((user) => user.name).join(', ');
        show(io, format, answer, () => `${answer.written ? 'moved' : 'would move'} ${names}`);
      }),
    );
  return new Command('oidc')
    .description('sign-in at identity providers')
    .addCommand(status)
    .addCommand(migrate);
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
