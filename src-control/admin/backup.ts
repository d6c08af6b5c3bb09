/** Calls about the state as a whole: copies of it, what is in it, whether it is sound. */
import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { codeOf } from '#shared/node/net-error.ts';
import { VERSION } from '#shared/version.ts';
import { verifyChain } from '../audit/verify.ts';
import { diagnose, type Finding } from '../backup/doctor.ts';
import { type BackupFacts, backupName, createBackup, listBackups } from '../backup/files.ts';
import { exportState, STATE_FILES } from '../backup/state-json.ts';
import { nothing } from './args.ts';
import { defineCall } from './call.ts';
import type { AdminDeps } from './deps.ts';

export interface BackupJson {
  readonly file: string;
  readonly bytes: number;
  readonly users: number;
  readonly nodes: number;
}

export interface DoctorJson {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

const backupJson = ({ file, bytes, users, nodes }: BackupFacts): BackupJson => ({
  file,
  bytes,
  users,
  nodes,
});

function stateDirOf({ stateDir }: AdminDeps): string {
  if (stateDir === undefined) throw new RhumbError('unavailable', 'this state is in no directory');
  return stateDir;
}

const backupFolder = (deps: AdminDeps): string =>
  deps.live?.backupFolder() ?? join(stateDirOf(deps), 'backups');

/** Keys beside the database, without which sealed parts of it stay closed. */
function readStateFiles(stateDir: string): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of STATE_FILES)
    try {
      found[name] = readFileSync(join(stateDir, name), 'utf8');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  return found;
}

export const backupCalls = {
  'backup.create': defineCall({
    arg: z.strictObject({ file: z.string().min(1).max(1_024).optional() }),
    scope: 'all',
    run: async (deps, { file }, by): Promise<BackupJson> => {
      // From elsewhere nobody chooses where on this machine something is written.
      if (file !== undefined && (by.origin !== 'cli' || !isAbsolute(file)))
        throw new RhumbError('bad-argument', 'only a command on the server itself can choose the file');
      const target = file ?? join(backupFolder(deps), backupName(deps.clock.now()));
      const facts = await createBackup(deps.network.store.disk, target);
      const entry = {
        at: deps.clock.now(),
        actor: by,
        action: 'create',
        target: { type: 'backup', id: facts.file, name: facts.file },
      };
      await deps.network.save({ writes: [], audit: [entry] });
      return backupJson(facts);
    },
  }),
  'backup.list': defineCall({
    arg: nothing,
    scope: 'all:read',
    run: async (deps): Promise<{ readonly folder: string; readonly files: readonly string[] }> => {
      const folder = backupFolder(deps);
      return { folder, files: await listBackups(folder) };
    },
  }),
  'state.export': defineCall({
    arg: z.strictObject({ withSecrets: z.boolean().default(false) }),
    scope: 'all',
    run: async (deps, { withSecrets }, by): Promise<object> => {
      if (withSecrets && by.origin !== 'cli')
        throw new RhumbError('not-allowed', 'secrets leave only by a command on the server itself');
      const entry = {
        at: deps.clock.now(),
        actor: by,
        action: 'export',
        target: { type: 'state', id: '', name: withSecrets ? 'with secrets' : 'without secrets' },
      };
      await deps.network.save({ writes: [], audit: [entry] });
      const files = withSecrets ? readStateFiles(stateDirOf(deps)) : {};
      const snapshot = await deps.network.store.load();
      return exportState(snapshot, { withSecrets, nowMs: deps.clock.now(), program: VERSION, files });
    },
  }),
  doctor: defineCall({
    arg: nothing,
    scope: 'all:read',
    run: async (deps): Promise<DoctorJson> => {
      const { network, baseDomain } = deps;
      const { store } = network;
      const chain = await verifyChain(store.audit);
      const findings: Finding[] = [
        ...(await store.disk.problems()).map((text) => problem('database', text)),
        ...(chain.problem === undefined ? [] : [problem('audit log', chain.problem)]),
        ...diagnose({
          snapshot: await store.load(),
          ranges: network.addresses.usage().map(({ prefix }) => prefix),
          baseDomain,
          knownTags: knownTags(deps),
        }),
        ...(deps.policy.problem === undefined ? [] : [problem('policy', deps.policy.problem)]),
        ...(deps.stateDir === undefined ? [] : openToOthers(deps.stateDir)),
      ];
      return { ok: findings.every(({ level }) => level !== 'error'), findings };
    },
  }),
};

const problem = (subject: string, text: string): Finding => ({ level: 'error', subject, text });

function knownTags({ policy }: AdminDeps): ReadonlySet<string> | undefined {
  return policy.newest === undefined ? undefined : new Set(policy.inForce().tagOwners.keys());
}

/** Keys and the database are nobody else's business. */
function openToOthers(stateDir: string): readonly Finding[] {
  return ['.', 'control.db', ...STATE_FILES].flatMap((name) => {
    const mode = statSync(join(stateDir, name), { throwIfNoEntry: false })?.mode ?? 0;
    return (mode & 0o077) === 0
      ? []
      : [problem(join(stateDir, name), `others may use it: chmod go= ${join(stateDir, name)}`)];
  });
}
