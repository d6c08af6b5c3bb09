/** A router that keeps the addresses of who asks: the network behind it sees them, and has to know the way back. */
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { allReach, announce, isSeenAs, networksOf, subnetWorld } from '../subnet-world.ts';
import { clock, must } from '../wait.ts';

async function run(lab: Lab): Promise<Figures> {
  const { network, site, printer, client, routers } = await subnetWorld(lab, 'gate');
  const [gate] = routers;
  const behind = gate?.host.links[1];
  must(gate !== undefined && behind !== undefined, 'there is a router');
  await gate.cli(['set', '--snat-subnet-routes=false']);
  await announce(network, gate, networksOf(site));
  await client.cli(['set', '--accept-routes']);
  const [own4, own6] = await client.addresses();
  // The way there exists: the packets arrive, and the answers know no way.
  await client.peer('gate', ({ PrimaryRoutes }) => (PrimaryRoutes ?? []).length === 2);
  await allReach(client.host, printer, 'the printer knows no way back', false);

  await printer.ip(
    `route add 100.64.0.0/10 via ${behind.v4}`,
    `route add fd7a:115c:a1e0::/48 via ${behind.v6}`,
  );
  await allReach(client.host, printer, 'the printer knows the way back', true);
  await isSeenAs(client.host, printer.v4, own4);
  await isSeenAs(client.host, printer.v6, own6);

  // With the way there it may begin as well: a network joined to a network.
  await allReach(printer, client.host, 'it is not the other network that is routed', false);
  const there = await printer.ping(own4, { waitMs: 3_000 });
  must(there.received === 1, 'the printer reaches the client');

  await gate.cli(['set', '--stateful-filtering']);
  await allReach(client.host, printer, 'answers pass stateful filtering', true);
  must((await printer.ping(own4)).received === 0, 'what begins behind the router does not');
  await gate.cli(['set', '--stateful-filtering=false']);

  const began = clock.monotonic();
  await gate.cli(['set', '--snat-subnet-routes=true']);
  await isSeenAs(client.host, printer.v4, behind.v4);
  await isSeenAs(client.host, printer.v6, behind.v6);
  return { changedMs: Math.round(clock.monotonic() - began) };
}

export const subnetRouterSnatOff: Scenario = {
  name: 'subnet-router-snat-off',
  what: 'without translation the network behind a router sees the machines’ own addresses, and stateful filtering lets only answers in',
  needs: ['curl', 'nft'],
  run,
};
