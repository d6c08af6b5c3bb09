/** A machine's key: renewed under traffic without a lost packet, ended by the clock and by the server, and made good again. */
import type { Control } from '../control.ts';
import type { Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { clock, must, until } from '../wait.ts';

/** How far ahead the end of the key is set; machines look ten seconds after it. */
const LIFE_MS = 4_000;
const EXPIRY_TIMEOUT_MS = 30_000;
/** More would be felt. */
const GAP_MS = 1_500;

interface Renewal {
  readonly renewalGapMs: number;
  readonly renewalLost: number;
}

const keyOf = async (machine: Daemon): Promise<string> => (await machine.status()).Self.PublicKey ?? '';

async function reauthenticate(control: Control, machine: Daemon): Promise<void> {
  const before = await keyOf(machine);
  const given = ['--hostname', machine.host.name, '--auth-key', await control.authKey()];
  await machine.cli(['up', '--force-reauth', ...given, '--timeout', '20s']);
  await machine.running();
  must((await keyOf(machine)) !== before, 'signing in anew makes a new key');
}

/** Both ways at once, so that neither side's old sessions nor its new ones may lose anything. */
async function renewUnderTraffic(control: Control, alpha: Daemon, beta: Daemon): Promise<Renewal> {
  const addresses = await alpha.addresses();
  const [theirs] = await beta.addresses();
  await using out = traffic(alpha.host, theirs);
  await using back = traffic(beta.host, addresses[0]);
  await Promise.all([out.more(20), back.more(20)]);
  const began = Date.now();
  await reauthenticate(control, alpha);
  await Promise.all([out.more(40), back.more(40)]);
  must((await alpha.addresses()).join() === addresses.join(), 'the machine keeps its addresses');
  const { PublicKey } = await beta.peer('alpha');
  must(PublicKey === (await keyOf(alpha)), 'the other machine knows the new key');
  return {
    renewalGapMs: Math.max(out.longestGapMs(began), back.longestGapMs(began)),
    renewalLost: out.lost() + back.lost(),
  };
}

/** Both sides know, and nothing passes any more. */
async function hasEnded(alpha: Daemon, beta: Daemon, address: string): Promise<void> {
  await until('alpha to need a login', async () => (await alpha.status()).BackendState === 'NeedsLogin', {
    timeoutMs: EXPIRY_TIMEOUT_MS,
  });
  await beta.peer('alpha', ({ Expired }) => Expired, EXPIRY_TIMEOUT_MS);
  const reply = await beta.host.ping(address, { waitMs: 500 });
  must(reply.received === 0, 'a machine whose key has ended is out of reach');
  await until('the address to be taken away', async () => {
    const { stdout } = await alpha.host.exec(['ip', '-o', 'address', 'show', 'dev', 'rhumb0']);
    return !stdout.includes(` ${address}/`);
  });
  const { Health } = await alpha.status();
  must(
    Health?.some((text) => text.includes('logged out')),
    `it says so: ${Health}`,
  );
}

async function restored(control: Control, alpha: Daemon, beta: Daemon, address: string): Promise<number> {
  await reauthenticate(control, alpha);
  must((await alpha.addresses())[0] === address, 'it comes back with its address');
  await beta.peer('alpha', ({ Expired }) => !Expired);
  return await reachEachOther(alpha, beta);
}

async function run(lab: Lab): Promise<Record<string, number>> {
  const { control, machines } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines as [Daemon, Daemon];
  await reachEachOther(alpha, beta);
  const [address] = await alpha.addresses();
  const id = await control.idOf('alpha');

  const renewal = await renewUnderTraffic(control, alpha, beta);
  must(renewal.renewalLost === 0, `renewing a key loses nothing: ${renewal.renewalLost} packets`);
  must(renewal.renewalGapMs < GAP_MS, `nor does it hold anything up: ${renewal.renewalGapMs} ms`);

  const began = clock.monotonic();
  const end = new Date(Date.now() + LIFE_MS).toISOString();
  await control.rawCli('nodes', 'expire', id, '--expiry', end);
  await beta.peer('alpha', ({ KeyExpiry }) => KeyExpiry !== undefined);
  must((await alpha.status()).BackendState === 'Running', 'until then it runs on');
  await hasEnded(alpha, beta, address);
  const endedMs = clock.monotonic() - began;
  const restoredPingMs = await restored(control, alpha, beta, address);

  await control.rawCli('nodes', 'expire', id);
  await hasEnded(alpha, beta, address);
  // Not even a restart brings back what the server has ended.
  await alpha.process.kill();
  await alpha.run();
  must((await alpha.status()).BackendState !== 'Running', 'a restart makes no key good again');
  await restored(control, alpha, beta, address);
  return { ...renewal, endedMs, restoredPingMs };
}

export const keyExpiry: Scenario = {
  name: 'key-expiry',
  what: 'a key renewed under traffic loses no packet; one that ends, by the clock or at once, takes the machine out on both sides until it signs in anew',
  run,
};
