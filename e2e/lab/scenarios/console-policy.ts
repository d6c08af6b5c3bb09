/** An administrator signs in with a browser, changes the policy in the web console, and a running connection stops and comes back. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Control } from '../control.ts';
import { Daemon } from '../daemon.ts';
import type { Host } from '../host.ts';
import { LAB_PROVIDER, startProvider } from '../identity.ts';
import type { Lab } from '../lab.ts';
import { reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { clock, must, until } from '../wait.ts';

const VISITOR = join(import.meta.dirname, '../programs/console-visitor.ts');
/** From "in force" in the browser until no more replies come: a batch of the mapper, and the daemon's. */
const STOPS_WITHIN_MS = 2_000;
const QUIET_MS = 3_000;

const CLOSED = '// Nobody reaches anybody.\n{ "acls": [] }\n';
const OPEN =
  '{\n  // Everybody reaches everybody.\n  "grants": [{ "src": ["*"], "dst": ["*"], "ip": ["*"] }],\n}\n';

/** Runs the visitor's browser on the server's host, as the provider is on its loopback; the moment that it says. */
async function visit(host: Host, ...words: readonly string[]): Promise<number> {
  const env = { HOME: host.folder };
  const { stdout } = await host.exec([process.execPath, VISITOR, ...words], { env });
  return Number(stdout.trim());
}

async function run(lab: Lab): Promise<Record<string, number>> {
  const lan = await lab.addSwitch('lan');
  const server = await lab.addHost('control', { on: [lan] });
  await startProvider(server, `http://${server.v4}:8080/oidc/callback`);
  const config = join(server.folder, 'config.json');
  const oidc = { ...LAB_PROVIDER, roleClaim: 'email', roles: { admin: ['ann@example.com'] } };
  writeFileSync(config, JSON.stringify({ oidc }), { mode: 0o600 });
  const control = await Control.start(server, { config });

  const beta = await Daemon.start(await lab.addHost('beta', { on: [lan] }));
  await beta.join({ server: control.url, authKey: await control.authKey() });
  const alpha = await Daemon.start(await lab.addHost('alpha', { on: [lan] }));
  const up = alpha.spawnCli('up', '--login-server', control.url, '--hostname', 'alpha');
  const address = await until('rhumb up to show where to sign in', () => {
    must(up.running, `rhumb up ended: ${up.output}`);
    return new RegExp(`${control.url}/register/\\S+`).exec(up.output)?.[0] ?? false;
  });
  await visit(server, 'add', address, 'ann');
  await alpha.running();
  await reachEachOther(alpha, beta);

  await using steady = traffic(alpha.host, (await beta.addresses())[0]);
  await steady.more(5);
  const write = (text: string): string => {
    const file = join(server.folder, 'policy.hujson');
    writeFileSync(file, text);
    return file;
  };
  const closedAt = await visit(server, 'policy', control.url, 'ann', write(CLOSED));
  await until('the connection to stop', async () => {
    const before = steady.replies();
    await clock.sleep(QUIET_MS);
    return steady.replies() === before;
  });
  const lastMs = (steady.lastAtMs() ?? 0) - closedAt;
  must(lastMs < STOPS_WITHIN_MS, `a packet was answered ${lastMs} ms after the change`);
  must(Object.keys((await beta.status()).Peer ?? {}).length === 0, 'nobody is left to see');

  await visit(server, 'policy', control.url, 'ann', write(OPEN));
  await steady.more(5);
  await reachEachOther(alpha, beta);
  const history = await control.rawCli('policy', 'history');
  must(history.stdout.includes('from the lab'), `the history says why: ${history.stdout}`);
  // Below zero: it had stopped before the browser said that the policy is in force.
  return { lastReplyMs: lastMs };
}

export const consolePolicy: Scenario = {
  name: 'console-policy',
  what: 'sign-in with a real browser at a real provider; a policy edited in the console stops a connection, and another brings it back',
  needs: ['curl', 'chromium'],
  run,
};
