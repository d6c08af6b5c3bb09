/** The command line as a whole: what there is, and what each kind of failure exits with. */
import { Command, CommanderError } from 'commander';
import { type ErrorCode, toRhumbError } from '#shared/errors.ts';
import { adminCodeCommand } from './admin-code.ts';
import { apiKeysCommand, oauthClientsCommand } from './api-keys.ts';
import { auditCommand } from './audit.ts';
import { authCommand } from './auth.ts';
import { authKeysCommand } from './auth-keys.ts';
import { backupCommand, doctorCommand, exportCommand, importCommand, migrateCommand } from './backup.ts';
import { completionCommand } from './completion.ts';
import { derpCommand } from './derp.ts';
import { dnsCommand } from './dns.ts';
import { generateCommand } from './generate.ts';
import { nodesCommand } from './nodes.ts';
import { oidcCommand } from './oidc.ts';
import { policyCommand } from './policy.ts';
import { routesCommand } from './routes.ts';
import { configTestCommand, type ServeDeps, serveCommand, versionCommand } from './serve.ts';
import { settingsCommand } from './settings.ts';
import { sshChecksCommand } from './ssh-checks.ts';
import { usersCommand } from './users.ts';
import { webhooksCommand } from './webhooks.ts';

/** coordination-server.md §14: 1 error, 2 usage, 3 not found, 4 conflict, 5 validation. */
const EXIT: Readonly<Record<ErrorCode, number>> = {
  'bad-argument': 5,
  'not-allowed': 1,
  'not-found': 3,
  conflict: 4,
  unavailable: 1,
  timeout: 1,
  protocol: 1,
  internal: 1,
};
const EXIT_USAGE = 2;

export function buildProgram(deps: ServeDeps): Command {
  const program = new Command('rhumb-control');
  program
    .description('coordination server of a Rhumb network')
    .addCommand(serveCommand(deps))
    .addCommand(usersCommand(deps))
    .addCommand(sshChecksCommand(deps))
    .addCommand(authKeysCommand(deps))
    .addCommand(nodesCommand(deps))
    .addCommand(routesCommand(deps))
    .addCommand(adminCodeCommand(deps))
    .addCommand(authCommand(deps))
    .addCommand(apiKeysCommand(deps))
    .addCommand(oauthClientsCommand(deps))
    .addCommand(settingsCommand(deps))
    .addCommand(derpCommand(deps))
    .addCommand(dnsCommand(deps))
    .addCommand(oidcCommand(deps))
    .addCommand(policyCommand(deps))
    .addCommand(webhooksCommand(deps))
    .addCommand(auditCommand(deps))
    .addCommand(backupCommand(deps))
    .addCommand(exportCommand(deps))
    .addCommand(importCommand(deps))
    .addCommand(doctorCommand(deps))
    .addCommand(migrateCommand(deps))
    .addCommand(configTestCommand(deps))
    .addCommand(generateCommand(deps))
    .addCommand(completionCommand(deps, () => program))
    .addCommand(versionCommand(deps));
  settle(program, deps);
  return program;
}

/** Errors become exceptions with one line each, also in subcommands. */
function settle(command: Command, deps: ServeDeps): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => deps.out(text.trimEnd()),
      writeErr: (text) => deps.err(text.trimEnd()),
      outputError: (text, write) =>
        write(`rhumb-control: ${text.replace(/^error: /, '').replaceAll('\n', ' ')}`),
    });
  for (const sub of command.commands) settle(sub, deps);
}

/** Runs one command line; the result is the exit status. Never throws, never shows a stack. */
export async function runProgram(args: readonly string[], deps: ServeDeps): Promise<number> {
  try {
    await buildProgram(deps).parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const { code, message } = toRhumbError(error);
    deps.err(`rhumb-control: ${message}`);
    return EXIT[code];
  }
}
