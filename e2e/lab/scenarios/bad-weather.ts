/** Two machines behind home routers over a bad line: late, jittery, lossy and out of order, and a direct path that stays. */
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { NatNetwork } from '../nat-network.ts';
import type { Scenario } from '../scenario.ts';
import { openStream } from '../stream.ts';
import { traffic } from '../traffic.ts';
import { clock, must } from '../wait.ts';

/** From end to end, one way: a mobile network on a bad day. */
const WEATHER = { delayMs: 40, jitterMs: 20, lossPercent: 3, reorderPercent: 4 } as const;
const DIRECT_MS = 10_000;
const GAP_MS = 2_000;
/** 20 s of traffic. */
const PACKETS = 380;

async function run(lab: Lab): Promise<Figures> {
  const network = await NatNetwork.open(lab);
  const sites = [
    await network.net.add('port-restricted', 'alpha'),
    await network.net.add('full-cone', 'beta'),
  ];
  await network.join(sites);
  await network.net.weather(WEATHER);
  const [alpha, beta] = [network.machine('alpha'), network.machine('beta')];
  const [address] = await beta.addresses();
  await using packets = traffic(alpha.host, address);
  await packets.more(1);
  await alpha.peer('beta', ({ CurAddr }) => CurAddr !== '', DIRECT_MS);
  await beta.peer('alpha', ({ CurAddr }) => CurAddr !== '', DIRECT_MS);

  const sinceMs = clock.now();
  await using stream = await openStream(alpha.host, beta.host, address);
  await packets.more(PACKETS, 60_000);
  await stream.more(20, 30_000);
  const gapMs = packets.longestGapMs(sinceMs);
  must(gapMs < GAP_MS, `traffic stopped for ${Math.round(gapMs)} ms`);
  const changes = beta.process.output.match(/"event":"path\.(?:relay|direct)"/g)?.length ?? 0;
  for (const [from, to] of [
    [alpha, 'beta'],
    [beta, 'alpha'],
  ] as const)
    must((await from.peerNow(to))?.CurAddr !== '', `${from.host.name} left the direct path for some loss`);
  return { gapMs, lostPackets: packets.lost(), pathChanges: changes };
}

export const badWeather: Scenario = {
  name: 'bad-weather',
  what: 'delay, jitter, loss and reordering neither prevent a direct path nor end it',
  needs: ['nft', 'curl'],
  run,
};
