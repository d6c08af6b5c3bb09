/** A whole server on loopback in a folder of its own, with one user and a key; everything goes when it is disposed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#shared/async/clock.ts';
import { type Log, silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import type { Admin } from '../admin/calls.ts';
import { adminSocketPath, connectAdmin } from '../admin/socket.ts';
import { type Config, loadConfig } from '../server/config.ts';
import { LiveConfig } from '../server/reload.ts';
import { type RunningServer, startServer } from '../server/server.ts';

export interface Loopback extends AsyncDisposable {
  readonly url: string;
  readonly stateDir: string;
  readonly admin: Admin;
  readonly server: RunningServer;
  /** A reusable key of the user `alice`. */
  readonly authKey: string;
  /** Reads the file again, where there is one. */
  readonly live: LiveConfig;
}

export interface LoopbackOptions {
  readonly config?: Partial<Config>;
  /** A configuration file, below `config`; nobody watches it but `live`. */
  readonly file?: string;
  readonly clock?: Clock;
  readonly log?: Log;
  /** Goes on with what an earlier one left there; not removed at the end. */
  readonly stateDir?: string;
  /** As a server is at its very first start; then there is no key either. */
  readonly users?: 'none';
}

export const scratchDir = (): string => mkdtempSync(join(tmpdir(), 'rhumb-control-'));

export async function loopback(options: LoopbackOptions = {}): Promise<Loopback> {
  const stateDir = options.stateDir ?? scratchDir();
  const read = (): Config => ({
    ...loadConfig(options.file, { listen: '127.0.0.1:0', stateDir }),
    ...options.config,
  });
  const config = read();
  const { clock = systemClock(), log = silent } = options;
  const live = new LiveConfig(config, { clock, log, read, file: options.file });
  const version = '0.0.0-test';
  const server = await startServer(config, { clock, log, random: () => 0.5, version, config: live });
  const admin = await connectAdmin(adminSocketPath(stateDir));
  if (admin === undefined) throw new Error('the admin socket does not answer');
  const isBare = options.users === 'none';
  if (!isBare && [...server.network.users()].length === 0)
    await admin.call('users.create', { name: 'alice' });
  const authKey = isBare
    ? ''
    : (
        await admin.call('preauthkeys.create', {
          user: 'alice',
          reusable: true,
          ephemeral: false,
          expirationMs: 0,
        })
      ).key;
  return {
    url: server.serverUrl,
    stateDir,
    admin,
    server,
    authKey,
    live,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      if (options.stateDir === undefined) rmSync(stateDir, { recursive: true, force: true });
    },
  };
}
