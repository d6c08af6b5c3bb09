/** What disks and operating systems get wrong: torn and copied state, no TUN, no permission, a socket in use. */
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { type Network, privateNetwork, reachEachOther } from '../network.ts';
import { refused } from '../refused.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';

/** Before the server knows that there are two, they may take the stream from each other a few times. */
const MAX_STREAMS = 10;
const STATE_FILE = 'rhumbd.state';

async function run(lab: Lab): Promise<Record<string, number>> {
  const network = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = network.machines;
  must(alpha !== undefined && beta !== undefined, 'alpha and beta are there');
  await cannotStart(alpha);
  await reachEachOther(alpha, beta);
  const cloneMs = await cloned(lab, network, alpha, beta);
  await torn(alpha, beta);
  return { cloneMs };
}

/** Each refused daemon must leave the one that runs alone. */
async function cannotStart(alpha: Daemon): Promise<void> {
  refused(
    'a socket in use',
    await alpha.tryDaemon(['--statedir', join(alpha.host.folder, 'second')]),
    /in use|already|running/i,
  );
  const other = ['--socket', join(alpha.host.folder, 'other.sock')];
  refused('a state in use', await alpha.tryDaemon(other), /in use|already|lock/i);
  const elsewhere = [
    ...other,
    '--statedir',
    join(alpha.host.folder, 'elsewhere'),
    '--tun',
    'rhumb8',
    '--port',
    '0',
  ];
  refused('no TUN device', await alpha.tryDaemon(elsewhere, { hide: '/dev/net' }), /\/dev\/net\/tun/);
  refused(
    'no permission',
    await alpha.tryDaemon(elsewhere, { user: 'nobody' }),
    /permission|root|not allowed|denied/i,
  );
  must(alpha.process.running, 'alpha still runs');
}

/** The same state on two machines: both are told, nothing crashes, and the right one is heard when it is alone. */
async function cloned(lab: Lab, { lan, control }: Network, alpha: Daemon, beta: Daemon): Promise<number> {
  const host = await lab.addHost('clone', { on: [lan] });
  cpSync(alpha.stateDir, join(host.folder, 'state'), { recursive: true });
  const clone = await Daemon.start(host);
  await clone.running();
  // Both are told. Whether beta answers to one, the other or neither is left to chance.
  for (const machine of [alpha, clone]) {
    await until(`${machine.host.name} to tell its user`, async () =>
      (await machine.status()).Health?.some((text) =>
        /in use on two machines|copy of this machine/.test(text),
      ),
    );
  }
  must((await control.nodes()).length === 2, 'a copy is no machine of its own');
  await control.process.says(/node\.cloned/);
  const streams = alpha.process.output.match(/"map\.up"/g)?.length ?? 0;
  must(
    streams < MAX_STREAMS,
    `the two do not replace each other for ever, but alpha had ${streams} map streams`,
  );
  must(alpha.process.running && beta.process.running, 'nobody crashed over the copy');
  await clone.process.stop();
  const began = clock.monotonic();
  const [v4] = await beta.addresses();
  await until(
    'the original to be heard again',
    async () => (await alpha.host.ping(v4, { waitMs: 300 })).received === 1,
    {
      timeoutMs: 40_000,
    },
  );
  return clock.monotonic() - began;
}

/** A state cut in half is refused or set aside, but never quietly overwritten: the keys in it are somebody's identity. */
async function torn(alpha: Daemon, beta: Daemon): Promise<void> {
  await alpha.process.stop();
  const file = join(alpha.stateDir, STATE_FILE);
  const whole = readFileSync(file);

  // What is only a copy of what the server knows may be lost; the machine comes up all the same.
  for (const path of filesIn(alpha.stateDir)) if (path !== file) halve(path);
  await alpha.run();
  await alpha.running();
  await reachEachOther(alpha, beta);
  await alpha.process.stop();

  halve(file);
  const half = readFileSync(file, 'latin1');
  refused('a state file cut in half', await alpha.tryDaemon([]), /state/i);
  const kept = filesIn(alpha.stateDir).some((path) => readFileSync(path, 'latin1') === half);
  must(kept, 'the half of the state that was left is still there');

  // Put back, it works again: the refusal harmed nothing.
  writeFileSync(file, whole, { mode: 0o600 });
  await alpha.run();
  await alpha.running();
  await reachEachOther(alpha, beta);
}

function halve(path: string): void {
  truncateSync(path, statSync(path).size >> 1);
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

export const badState: Scenario = {
  name: 'bad-state',
  what: 'torn or copied state, a missing TUN, missing rights and a socket in use get one clear error, and nothing is lost',
  needs: ['curl'],
  run,
};
