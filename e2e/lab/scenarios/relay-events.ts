/** Two machines that need a relay, and relays that die, come back and are taken from the map. */
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { NatNetwork } from '../nat-network.ts';
import type { Scenario } from '../scenario.ts';
import { openStream } from '../stream.ts';
import { traffic } from '../traffic.ts';
import { clock, must, until } from '../wait.ts';

const REGIONS = [900, 910] as const;
/** A dead relay is noticed by its closed connection; then a check and a dial. */
const TAKE_OVER_MS = 15_000;
/** The map's file is looked at every ten seconds. */
const MAP_MS = 40_000;

async function run(lab: Lab): Promise<Figures> {
  const network = await NatNetwork.open(lab, { regions: REGIONS });
  const alpha = await network.add('udp-blocked', 'alpha');
  const beta = await network.add('port-restricted', 'beta');
  await alpha.peer('beta');
  await beta.peer('alpha');
  const [address] = await beta.addresses();
  await using packets = traffic(alpha.host, address);
  await using stream = await openStream(alpha.host, beta.host, address);
  await packets.more(10);
  await stream.more(10);

  const home = async (): Promise<string> => (await beta.status()).Self?.Relay ?? '';
  const first = await home();
  const relay = network.relays.find(({ host }) => first.startsWith(host.name));
  const other = network.relays.find((one) => one !== relay);
  must(relay !== undefined && other !== undefined, `beta's home ${first} is one of the relays`);
  await relay.process.kill();
  const diedAtMs = clock.now();
  const backMs = await until('the other relay to carry the traffic', () => packets.firstAfter(diedAtMs), {
    timeoutMs: TAKE_OVER_MS,
  });
  await packets.more(20);
  await stream.more(20, 30_000);
  await until(
    'beta to have the other relay for its home',
    async () => (await home()).startsWith(other.host.name),
    {
      timeoutMs: TAKE_OVER_MS,
    },
  );

  // It is back and nobody hurries to it; then the one in use is taken from the map.
  await relay.run();
  const removedAtMs = clock.now();
  network.setRelays([relay]);
  await until(
    'beta to leave the relay that is no longer in the map',
    async () => (await home()).startsWith(relay.host.name),
    {
      timeoutMs: MAP_MS,
    },
  );
  await packets.more(20);
  await stream.more(20, 30_000);
  const gapRemovedMs = packets.longestGapMs(removedAtMs);
  return { takeOverMs: backMs - diedAtMs, gapRemovedMs };
}

export const relayEvents: Scenario = {
  name: 'relay-events',
  what: 'when a relay dies or leaves the map another takes over, and connections live on',
  needs: ['nft', 'curl'],
  run,
};
