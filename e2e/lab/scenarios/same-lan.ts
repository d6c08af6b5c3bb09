/** Two machines behind one NAT talk over their own network, also when there is no Internet. */
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { NatNetwork } from '../nat-network.ts';
import { reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { must } from '../wait.ts';

const GAP_MS = 1_000;

async function run(lab: Lab): Promise<Figures> {
  const network = await NatNetwork.open(lab);
  const alpha = await network.add('same-nat', 'alpha');
  const beta = await network.add('same-nat', 'beta');
  const firstMs = await reachEachOther(alpha, beta);
  const isLocal = (address: string): boolean => address.startsWith(`${beta.host.v4}:`);
  await alpha.peer('beta', ({ CurAddr }) => isLocal(CurAddr));

  const router = network.net.sites[0]?.outermost;
  must(router !== undefined, 'there is a router');
  await using packets = traffic(alpha.host, (await beta.addresses())[0]);
  await packets.more(10);
  await router.linkDown();
  await packets.more(100);
  must(
    packets.longestGapMs() < GAP_MS,
    `without Internet the traffic stopped for ${packets.longestGapMs()} ms`,
  );
  must(isLocal((await alpha.peer('beta')).CurAddr), 'the path is still the local one');
  return { firstMs, gapMs: packets.longestGapMs() };
}

export const sameLan: Scenario = {
  name: 'same-lan',
  what: 'two machines behind one NAT use their own network and need no Internet for it',
  needs: ['nft', 'curl'],
  run,
};
