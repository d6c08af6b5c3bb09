/** A server that is killed at any moment, again and again, while machines join and administrators work: nothing it said yes to is lost, nothing is half there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { connectAdmin } from '../admin/socket.ts';
import { verifyChain } from '../audit/verify.ts';
import { diagnose } from '../backup/doctor.ts';
import type { NodeRecord, Snapshot } from '../store/records.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { scratchDir } from '../testing/loopback.ts';
import { TestMachine } from '../testing/machine.ts';

const ROUNDS = 4;
const PROGRAM = join(import.meta.dirname, '..', 'main.ts');
const left: (() => void)[] = [];
afterEach(() => {
  for (const end of left.splice(0)) end();
});

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

async function start(stateDir: string): Promise<Running> {
  const args = [PROGRAM, 'serve', '--state-dir', stateDir, '--listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  left.push(() => child.kill('SIGKILL'));
  let said = '';
  for await (const part of child.stdout as AsyncIterable<Buffer>) {
    said += part.toString();
    const url = / is ready at (\S+)/.exec(said)?.[1];
    if (url !== undefined) {
      child.stdout?.resume();
      return { child, url };
    }
  }
  throw new Error(`the server did not start: ${said}`);
}

/** What was promised: must be there, or must not be, whatever happened since. */
class Promises {
  readonly users = new Set<string>();
  /** Host names of machines, each its own. */
  readonly joined = new Set<string>();
  /** Begun to be deleted: either way is right until it is said to be done. */
  readonly leaving = new Set<string>();
  readonly gone = new Set<string>();
  readonly routes = new Map<string, string>();
  readonly revoked = new Set<number>();

  get count(): number {
    const { users, joined, gone, routes, revoked } = this;
    return users.size + joined.size + gone.size + routes.size + revoked.size;
  }
}

let serial = 0;

/** One administrator and their machines, until the server is gone. */
async function work(url: string, stateDir: string, promises: Promises): Promise<void> {
  const admin = await connectAdmin(join(stateDir, 'admin.sock'));
  if (admin === undefined) return;
  for (;;) {
    const n = ++serial;
    const user = `user-${n}`;
    await admin.call('users.create', { name: user });
    promises.users.add(user);
    const ask = { user, reusable: false, ephemeral: false, expirationMs: 3_600_000 };
    const key = await admin.call('preauthkeys.create', ask);
    const hostname = `host-${n}`;
    const machines = [await TestMachine.connect(url), await TestMachine.connect(url)];
    // Both at once with a key for one: exactly one may get in.
    const answers = await Promise.all(
      machines.map((one) =>
        one.register({ authKey: key.key, hostname }).finally(() => one.session.destroy()),
      ),
    );
    expect(answers.filter(({ Error: why }) => why === '')).toHaveLength(1);
    promises.joined.add(hostname);
    await admin.call('routes.approve', { node: hostname, routes: [`10.0.${n % 256}.0/24`] });
    promises.routes.set(hostname, `10.0.${n % 256}.0/24`);
    await admin.call('preauthkeys.revoke', { key: String(key.id) });
    promises.revoked.add(key.id);
    if (n % 3 !== 0) continue;
    promises.leaving.add(hostname);
    await admin.call('nodes.delete', { node: hostname });
    promises.gone.add(hostname);
  }
}

function check({ tables }: Snapshot, promises: Promises): void {
  const byHost = new Map(tables.node.map((node): [string, NodeRecord] => [node.hostname, node]));
  expect(byHost.size).toBe(tables.node.length);
  const names = new Set(tables.user.map(({ name }) => name));
  expect([...promises.users].filter((name) => !names.has(name))).toEqual([]);
  const lost = [...promises.joined].filter((name) => !byHost.has(name) && !promises.leaving.has(name));
  expect(lost).toEqual([]);
  expect([...promises.gone].filter((name) => byHost.has(name))).toEqual([]);
  for (const [name, route] of promises.routes)
    if (byHost.has(name)) expect(byHost.get(name)?.approvedRoutes).toEqual([route]);
  const keys = new Map(tables.authKey.map((key) => [key.id, key]));
  for (const id of promises.revoked) expect(keys.get(id)?.revokedAt).toBeDefined();
  // A key for one machine: used exactly when a machine came by it, also one that is gone.
  for (const node of tables.node) expect(keys.get(node.authKeyId ?? 0)).toMatchObject({ useCount: 1 });
  const resting = new Set(tables.freedAddress.map(({ address }) => address));
  expect(tables.node.filter(({ ipv4 }) => resting.has(ipv4))).toEqual([]);
}

test('what was promised holds after every kill, and the state is sound', async () => {
  const stateDir = scratchDir();
  left.push(() => rmSync(stateDir, { recursive: true, force: true }));
  const promises = new Promises();
  for (let round = 0; round < ROUNDS; round++) {
    const { child, url } = await start(stateDir);
    const ending = Promise.allSettled([1, 2, 3].map(() => work(url, stateDir, promises)));
    const enough = promises.count + 10 + round * 7;
    for (let n = 0; n < 2_000 && promises.count < enough; n++) await delay(5);
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const ends = await Promise.race([ending, delay(2_000, [] as const)]);
    const wrong = [...ends].find((one) => one.status === 'rejected' && /expected/.test(String(one.reason)));
    expect(wrong).toBeUndefined();

    await using store = await openSqliteStore(stateDir, Date.now());
    const snapshot = await store.load();
    check(snapshot, promises);
    expect(await store.disk.problems()).toEqual([]);
    expect((await verifyChain(store.audit)).problem).toBeUndefined();
    const facts = { baseDomain: 'rhumb.internal', knownTags: undefined };
    const ranges = ['100.64.0.0/10', 'fd7a:115c:a1e0::/48'];
    expect(diagnose({ ...facts, snapshot, ranges })).toEqual([]);
    // Each machine came with its line in the audit log, in the same transaction.
    const rows = await store.auditLog({ action: 'create', limit: 100_000 });
    const created = new Set(rows.map(({ entry }) => `${entry.target.type} ${entry.target.id}`));
    expect(snapshot.tables.node.filter(({ id }) => !created.has(`node ${id}`))).toEqual([]);
  }
  expect(promises.joined.size).toBeGreaterThan(ROUNDS);
}, 120_000);
