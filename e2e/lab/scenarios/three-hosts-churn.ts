/** Three machines while others join, are renamed, expire, leave and log out: every peer follows, traffic goes on. */
import { bothAddresses, Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { clock, must, until } from '../wait.ts';

/** What happens to others must not be felt between two machines. */
const SILENCE_MS = 1_000;

async function run(lab: Lab): Promise<Record<string, number>> {
  const { lan, machines, control, add } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines;
  must(alpha !== undefined && beta !== undefined, 'alpha and beta are there');
  await reachEachOther(alpha, beta);
  await using steady = traffic(alpha.host, (await beta.addresses())[0]);
  await steady.more(2);

  const joinMs = await timed(async () => {
    const gamma = await add('gamma');
    await reachEachOther(alpha, gamma);
    await reachEachOther(gamma, beta);
  });

  const renameMs = await timed(async () => {
    await control.cli('nodes', 'rename', await control.idOf('gamma'), 'delta');
    await alpha.peer('delta');
    await beta.peer('delta');
  });
  await alpha.forgets('gamma');

  // Expired: still a peer, but nobody may talk with it.
  const [delta] = bothAddresses(await alpha.peer('delta'));
  const expireMs = await timed(async () => {
    await control.cli('nodes', 'expire', await control.idOf('delta'));
    await alpha.peer('delta', (peer) => peer.Expired);
  });
  await until('the expired machine to be out of reach', async () => {
    const { received } = await alpha.host.ping(delta, { waitMs: 200 });
    return received === 0;
  });

  // An ephemeral machine is forgotten once it logs out; a plain one too.
  const guest = await Daemon.start(await lab.addHost('guest', { on: [lan] }));
  await guest.join({ server: control.url, authKey: await control.authKey({ ephemeral: true }) });
  await reachEachOther(alpha, guest);
  const leaveMs = await timed(async () => {
    await guest.cli(['logout']);
    await alpha.forgets('guest');
    await beta.forgets('guest');
  });

  const deleteMs = await timed(async () => {
    await control.cli('nodes', 'delete', await control.idOf('delta'), '--force');
    await alpha.forgets('delta');
    await beta.forgets('delta');
  });

  must(steady.longestGapMs() < SILENCE_MS, `alpha and beta were cut off for ${steady.longestGapMs()} ms`);
  await beta.cli(['down']);
  await alpha.peer('beta', (peer) => !peer.Online);
  await beta.cli(['up']);
  await alpha.peer('beta', (peer) => peer.Online);
  await reachEachOther(alpha, beta);

  await steady.more(3);
  return { joinMs, renameMs, expireMs, leaveMs, deleteMs };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = clock.monotonic();
  await work();
  return clock.monotonic() - began;
}

export const threeHostsChurn: Scenario = {
  name: 'three-hosts-churn',
  what: 'machines join, are renamed, expire, log out and are deleted, and every peer follows',
  needs: ['curl'],
  run,
};
