/** Two machines and a coordination server on a switch: they join, reach each other, and leave nothing when they stop. */
import { capture } from '../capture.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must } from '../wait.ts';

const PINGS = 50;
const OFFLINE_MS = 30_000;

async function run(lab: Lab): Promise<Record<string, number>> {
  const { machines, add } = await privateNetwork(lab, 'alpha');
  const [alpha] = machines;
  must(alpha !== undefined, 'alpha is there');
  const began = clock.monotonic();
  const beta = await add('beta');
  const joinMs = clock.monotonic() - began;

  await using wire = await capture(beta.host, 'udp or icmp or icmp6');
  const firstPingMs = await reachEachOther(alpha, beta);
  const [v4, v6] = await beta.addresses();
  const many4 = await alpha.host.ping(v4, { count: PINGS });
  const many6 = await alpha.host.ping(v6, { count: PINGS, size: 1_200 });
  must(
    many4.received === PINGS && many6.received === PINGS,
    `lost packets: ${many4.received}, ${many6.received}`,
  );

  const seen = await alpha.peer('beta', (peer) => peer.CurAddr !== '');
  must(
    seen.CurAddr.includes(beta.host.v4) || seen.CurAddr.includes(beta.host.v6),
    `direct path: ${seen.CurAddr}`,
  );
  must(seen.Online, 'alpha sees beta online');
  const naked = await wire.packets('net 100.64.0.0/10 or net fd7a:115c:a1e0::/48');
  must(naked.length === 0, `unencrypted packets on the wire: ${naked[0]}`);

  await beta.process.stop();
  const { stdout: links } = await beta.host.exec(['ip', '-o', 'link']);
  must(!links.includes('rhumb0'), `beta stopped and left its interface: ${links}`);
  const { stdout: routes } = await beta.host.exec(['ip', 'route', 'show', 'table', 'all']);
  must(!routes.includes('100.64.'), `beta stopped and left a route: ${routes}`);
  // The server waits a while before it believes that a machine is gone.
  await alpha.peer('beta', (peer) => !peer.Online, OFFLINE_MS);
  return { joinMs, firstPingMs, pingMs: many4.averageMs ?? 0, pingV6Ms: many6.averageMs ?? 0 };
}

export const twoHosts: Scenario = {
  name: 'two-hosts',
  what: 'two machines join with a key and reach each other directly over both address families',
  needs: ['tcpdump', 'curl'],
  run,
};
