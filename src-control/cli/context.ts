/** What every command needs: its configuration, a hand on the state, and one way to print. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError } from '#shared/errors.ts';
import { silent } from '#shared/log/log.ts';
import { LOCAL } from '../admin/caller.ts';
import { type Admin, carryOut } from '../admin/calls.ts';
import { Refusals } from '../admin/refusals.ts';
import { connectRemote, type Remote } from '../admin/remote.ts';
import { adminSocketPath, connectAdmin } from '../admin/socket.ts';
import { type Config, type FlagSettings, loadConfig } from '../server/config.ts';
import { openDnsView } from '../server/dns.ts';
import { openPolicyBook } from '../server/policy.ts';
import { Network } from '../state/network.ts';
import { DATABASE_FILE, openSqliteStore } from '../store/sqlite.ts';
import { type OutputFormat, parseFormat, structured } from './print.ts';

export interface Io {
  readonly clock: Clock;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const globalOptions = z.object({
  config: z.string().optional(),
  stateDir: z.string().optional(),
  output: z.string(),
  address: z.string().max(2_048).optional(),
  apiKey: z.string().max(256).optional(),
  insecure: z.boolean().optional(),
});

const CONFIG = 'RHUMB_CONTROL_CONFIG';
/** Not settings of a server, so their names begin otherwise. */
const ADDRESS = 'RHUMB_ADDRESS';
const API_KEY = 'RHUMB_API_KEY';

/** Options that every command takes, before or after its name. */
export function withGlobalOptions(command: Command): Command {
  return command
    .addOption(new Option('-c, --config <file>', 'read this configuration file (YAML or JSON)').env(CONFIG))
    .option('--state-dir <dir>', 'where the server keeps its state')
    .option('-o, --output <format>', 'table, json, json-line or yaml', 'text')
    .addOption(new Option('--address <url>', 'a server elsewhere, instead of the one here').env(ADDRESS))
    .addOption(new Option('--api-key <key>', 'what that server lets in').env(API_KEY))
    .option('--insecure', 'accept any certificate of it, and plain http');
}

export interface Globals {
  readonly configFile: string | undefined;
  readonly stateDir: string | undefined;
  readonly format: OutputFormat;
  /** Undefined = the server or the state on this machine. */
  readonly remote: Remote | undefined;
}

export function readGlobals(command: Command): Globals {
  const { config, stateDir, output, address, apiKey, insecure } = globalOptions.parse(command.opts());
  return {
    ...{ configFile: config, stateDir, format: parseFormat(output) },
    remote: remoteOf(address, apiKey, insecure ?? false),
  };
}

function remoteOf(address = '', apiKey = '', isInsecure: boolean): Remote | undefined {
  if (address === '') return undefined;
  if (apiKey === '')
    throw new RhumbError(
      'bad-argument',
      `--address needs a key: --api-key, or ${API_KEY} in the environment`,
    );
  return { address, apiKey, isInsecure };
}

/** A hand on what the options name: a server elsewhere, the one here, or the state itself. */
export const openNamed = (globals: Globals, io: Io, missing: 'refuse' | 'begin'): Promise<Admin> =>
  globals.remote === undefined
    ? openAdmin(configFor(globals), io, missing)
    : Promise.resolve(connectRemote(globals.remote));

export function configFor(globals: Globals, flags: FlagSettings = {}): Config {
  return loadConfig(globals.configFile, { ...flags, stateDir: globals.stateDir }, process.env);
}

/** Prints an answer as asked for. */
export function show(io: Io, format: OutputFormat, answer: unknown, asText: () => string): void {
  io.out(format === 'text' ? asText() : structured(format, answer));
}

/** The running server when there is one, else the state itself, which must be there unless the command may begin one. */
async function openAdmin(config: Config, io: Io, missing: 'refuse' | 'begin'): Promise<Admin> {
  const running = await connectAdmin(adminSocketPath(config.stateDir));
  if (running !== undefined) return running;
  if (missing === 'refuse' && isMissing(join(config.stateDir, DATABASE_FILE)))
    throw new RhumbError(
      'not-found',
      `there is no state in ${config.stateDir}: name the server's --state-dir, or begin with users create`,
    );
  if (isMissing(config.stateDir))
    io.err(`note: ${config.stateDir} is new; a server must use the same --state-dir to see this`);
  return openDirectly(config, io.clock);
}

/** What may not be looked at is there, and opening it says what is wrong. */
const isMissing = (path: string): boolean => {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
};

async function openDirectly(config: Config, clock: Clock): Promise<Admin> {
  const store = await openSqliteStore(config.stateDir, clock.now()).catch(explainLock);
  const network = await Network.open({
    ...{ store, clock, log: silent, defer: setImmediate },
    addresses: config.addresses,
  });
  const dns = openDnsView(config, { network, log: silent, policy: undefined });
  const deps = {
    ...{ network, dns, clock, log: silent, baseDomain: config.baseDomain, live: undefined },
    policy: openPolicyBook(config, { network, clock, log: silent, serverUrl: config.serverUrl ?? '' }),
    refusals: new Refusals(network, clock, silent),
    stateDir: config.stateDir,
  };
  return {
    call: (call, arg) => carryOut(deps, call, arg, LOCAL),
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

function explainLock(error: unknown): never {
  if (error instanceof RhumbError && error.code === 'conflict')
    throw new RhumbError(
      'unavailable',
      'another rhumb-control has the state open but does not answer (yet): try again in a moment',
      { cause: error },
    );
  throw error;
}
