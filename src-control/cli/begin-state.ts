/** Beginning a state with what comes from elsewhere, and files that are never written over. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import { adminSocketPath, connectAdmin } from '../admin/socket.ts';
import type { ImportedState } from '../backup/state-json.ts';
import type { Config } from '../server/config.ts';
import { DATABASE_FILE, openSqliteStore } from '../store/sqlite.ts';
import type { Io } from './context.ts';

/** Only where nothing is yet: what is there is never mixed with what comes. */
export async function begin(
  config: Config,
  io: Io,
  state: Pick<ImportedState, 'writes' | 'files'>,
): Promise<void> {
  await refuseRunning(config);
  if (existsSync(join(config.stateDir, DATABASE_FILE)))
    throw new RhumbError(
      'conflict',
      `there is a state in ${config.stateDir} already: choose another --state-dir, or move that one away`,
    );
  mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(state.files)) writeNew(join(config.stateDir, name), text);
  await using store = await openSqliteStore(config.stateDir, io.clock.now());
  await store.commit(state.writes);
}

/** Never over what is there, and nobody else's from the first byte on. */
export function writeNew(path: string, text: string): void {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RhumbError('conflict', `can't write ${path}: ${why}`, { cause });
  }
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

export async function refuseRunning(config: Config): Promise<void> {
  const running = await connectAdmin(adminSocketPath(config.stateDir));
  if (running === undefined) return;
  await running[Symbol.asyncDispose]();
  throw new RhumbError('conflict', `a server runs on ${config.stateDir}: stop it first`);
}
