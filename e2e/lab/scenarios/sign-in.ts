/** A machine joins without a key: its person signs in at an identity provider in a browser and confirms it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Control } from '../control.ts';
import { Daemon } from '../daemon.ts';
import type { Host } from '../host.ts';
import { LAB_PROVIDER, startProvider } from '../identity.ts';
import type { Lab } from '../lab.ts';
import { reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';

const PROGRAMS = join(import.meta.dirname, '../programs');
const listedUser = z.object({ name: z.string(), email: z.string().nullable(), provider: z.string() });

async function startControl(host: Host): Promise<Control> {
  const config = join(host.folder, 'config.json');
  const oidc = { ...LAB_PROVIDER, allowedDomains: ['example.com'] };
  writeFileSync(config, JSON.stringify({ oidc }), { mode: 0o600 });
  return Control.start(host, { config });
}

/** The titles of the pages that somebody sees who opens the address. */
async function visit(host: Host, address: string, login: string): Promise<readonly string[]> {
  const { stdout } = await host.exec([process.execPath, join(PROGRAMS, 'sign-in.ts'), address, login]);
  return z.array(z.string()).parse(JSON.parse(stdout));
}

async function run(lab: Lab): Promise<Record<string, number>> {
  const lan = await lab.addSwitch('lan');
  const server = await lab.addHost('control', { on: [lan] });
  await startProvider(server, `http://${server.v4}:8080/oidc/callback`);
  const control = await startControl(server);
  const other = await Daemon.start(await lab.addHost('alpha', { on: [lan] }));
  await other.join({ server: control.url, authKey: await control.authKey() });

  const laptop = await Daemon.start(await lab.addHost('laptop', { on: [lan] }));
  const up = laptop.spawnCli('up', '--login-server', control.url, '--hostname', 'laptop');
  const address = await until('rhumb up to show where to sign in', () => {
    must(up.running, `rhumb up ended: ${up.output}`);
    return new RegExp(`${control.url}/register/\\S+`).exec(up.output)?.[0] ?? false;
  });

  const stranger = await visit(server, address, 'eve');
  must(stranger.join() === 'You may not join this network', `a stranger was shown ${stranger}`);
  must((await control.nodes()).length === 1, 'a stranger’s sign-in adds no machine');
  must((await laptop.status()).BackendState === 'NeedsLogin', 'the machine still waits');

  const began = clock.monotonic();
  const pages = await visit(server, address, 'ann');
  must(
    pages.join(' | ') === 'Add this machine to your network? | The machine is in',
    `the pages were ${pages.join(' | ')}`,
  );
  await laptop.running();
  const signInMs = clock.monotonic() - began;
  await until('rhumb up to end', () => !up.running);
  const { User, Self } = await laptop.status();
  const owner = User?.[`${Self?.UserID}`]?.LoginName;
  must(owner === 'ann@example.com', `the machine belongs to ann: ${owner}`);
  const users = z.array(listedUser).parse(await control.cli('users', 'list'));
  const ann = users.find(({ name }) => name === 'ann');
  must(
    ann?.provider === 'Lab ID' && ann.email === 'ann@example.com',
    `users list has ${JSON.stringify(users)}`,
  );
  return { signInMs, firstPingMs: await reachEachOther(laptop, other) };
}

export const signIn: Scenario = {
  name: 'sign-in',
  what: 'a machine joins without a key, by its person’s sign-in at an identity provider; a stranger’s adds nothing',
  needs: ['curl'],
  run,
};
