/**
 * Two machines behind home routers, and everything that happens to paths: a NAT that forgets, UDP that is blocked, both
 * ends moving at once, sleep; all of it without the coordination server, which dies as soon as they have joined.
 */
import type { Daemon } from '../daemon.ts';
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { NatNetwork } from '../nat-network.ts';
import type { RunOptions, Scenario } from '../scenario.ts';
import { addUplink, blockUdp, rebind } from '../site.ts';
import { openStream, type Stream } from '../stream.ts';
import { type Traffic, traffic } from '../traffic.ts';
import { clock, must, until } from '../wait.ts';

/** design.md §6: relay within 3 s of a path's death. */
const GAP_MS = 3_000;
const DIRECT_MS = 60_000;
const ASLEEP_MS = 15_000;
/** 7 s of traffic; trust lasts 6.5 s (nat-traversal.md §8). */
const TRUST_PACKETS = 140;

async function run(lab: Lab, { say }: RunOptions): Promise<Figures> {
  const network = await NatNetwork.open(lab);
  const alphaSite = await network.net.add('port-restricted', 'alpha');
  const betaSite = await network.net.add('port-restricted', 'beta');
  const uplinks = [await addUplink(network.net, alphaSite), await addUplink(network.net, betaSite)];
  await network.net.weather({ delayMs: 10 });
  await network.join([alphaSite, betaSite]);
  const [alpha, beta] = [network.machine('alpha'), network.machine('beta')];
  // Each knows the other's home relay: who has never been told cannot find out without the server.
  await alpha.peer('beta', ({ Relay }) => Relay !== '');
  await beta.peer('alpha', ({ Relay }) => Relay !== '');
  await network.control.process.kill();

  const [address] = await beta.addresses();
  await using packets = traffic(alpha.host, address);
  await using stream = await openStream(alpha.host, beta.host, address);
  await direct(alpha, beta);
  const watch = async (what: string, during: () => Promise<void>): Promise<number> => {
    say(what);
    return await gapDuring(what, { packets, stream, during });
  };

  const rebindMs = await watch("one NAT's new ports", async () => {
    await rebind(alphaSite, 40_000);
    await settled(packets);
    await direct(alpha, beta);
  });
  const rebindBothMs = await watch('new ports of both NATs', async () => {
    await Promise.all([rebind(alphaSite, 42_000), rebind(betaSite, 43_000)]);
    await settled(packets);
    await direct(alpha, beta);
  });
  const blockedMs = await watch('UDP that is blocked and let through again', async () => {
    const unblock = await blockUdp(betaSite);
    await relayed(alpha, beta);
    await unblock();
    await direct(alpha, beta);
  });
  const roamMs = await watch('both machines in other networks', async () => {
    await Promise.all(uplinks.map((uplink) => uplink.switchTo()));
    await settled(packets);
    await direct(alpha, beta);
  });

  // A machine that sleeps answers nobody; what counts is how soon it is back.
  beta.process.signal('SIGSTOP');
  await clock.sleep(ASLEEP_MS);
  const awakeAtMs = clock.now();
  beta.process.signal('SIGCONT');
  const backMs = await until('packets after the sleep', () => packets.firstAfter(awakeAtMs));
  must(backMs - awakeAtMs < GAP_MS, `traffic came back ${Math.round(backMs - awakeAtMs)} ms after the sleep`);
  await direct(alpha, beta);
  await stream.more(20, 30_000);
  return {
    rebindGapMs: rebindMs,
    rebindBothGapMs: rebindBothMs,
    blockedGapMs: blockedMs,
    roamGapMs: roamMs,
    wakeMs: backMs - awakeAtMs,
  };
}

interface Watched {
  readonly packets: Traffic;
  readonly stream: Stream;
  during(): Promise<void>;
}

/** The longest silence while something happens, which must be short and must not cost the TCP connection. */
async function gapDuring(what: string, { packets, stream, during }: Watched): Promise<number> {
  await packets.more(5);
  const sinceMs = clock.now();
  await during();
  await packets.more(5);
  await stream.more(20, 30_000);
  const gapMs = packets.longestGapMs(sinceMs);
  must(gapMs < GAP_MS, `${what} stopped the traffic for ${Math.round(gapMs)} ms`);
  return gapMs;
}

/** A path that died is called direct until trust in it ends: then what is direct is a new one. */
async function settled(packets: Traffic): Promise<void> {
  await packets.more(TRUST_PACKETS, 30_000);
}

const isDirect = async (from: Daemon, to: Daemon): Promise<boolean> =>
  (await from.peerNow(to.host.name))?.CurAddr !== '';

async function direct(a: Daemon, b: Daemon): Promise<void> {
  await until('both to use a direct path', async () => (await isDirect(a, b)) && (await isDirect(b, a)), {
    timeoutMs: DIRECT_MS,
  });
}

async function relayed(a: Daemon, b: Daemon): Promise<void> {
  await until(
    'a relay to carry the traffic',
    async () => !(await isDirect(a, b)) && !(await isDirect(b, a)),
    {
      timeoutMs: DIRECT_MS,
    },
  );
}

export const pathEvents: Scenario = {
  name: 'path-events',
  what: 'traffic and its connections survive NAT rebinding, blocked UDP, roaming of both ends and sleep, without the server',
  needs: ['nft', 'curl', 'conntrack'],
  isSlow: true,
  run,
};
