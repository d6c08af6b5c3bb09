/** A client uses the exit nodes of its network: it is seen with their addresses, names go their way, and all of it ends. */
import { ExitWorld, WITNESS_NAME } from '../exit-world.ts';
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { ownSockets, watchSockets } from '../own-sockets.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';

async function run(lab: Lab): Promise<Figures> {
  const world = await ExitWorld.open(lab, 'port-restricted', ['first', 'second']);
  const { client, clientSite } = world;
  const [first, second] = [world.exit(0), world.exit(1)];
  const home = clientSite.outermost.v4;
  await world.isSeenAs(4, home);
  must((await world.seenAs(6)) === undefined, 'without an exit node the client has no IPv6');
  must((await world.killSwitch()) === undefined, 'nothing is closed without an exit node');
  const rulesBefore = await policyRules(world);
  const resolvBefore = await resolvConf(world);

  const stop = new AbortController();
  const watched = watchSockets(client.host, stop.signal);
  const began = clock.monotonic();
  await world.use(first);
  await world.isSeenAs(4, first.host.v4);
  const usedMs = Math.round(clock.monotonic() - began);
  await world.isSeenAs(6, first.host.v6);
  must((await world.killSwitch()) !== undefined, 'all other ways are closed');

  const before = world.mark;
  await until('a name to be looked up', async () => {
    const asked = await client.host.exec(['getent', 'ahostsv4', WITNESS_NAME], { mayFail: true });
    return asked.stdout.includes(world.witness.v4);
  });
  const asked = world.since(before);
  must(asked.includes(`dns ${first.host.v4} A ${WITNESS_NAME}`), `the exit node asks for it: ${asked}`);
  must(!asked.includes(`dns ${home} A ${WITNESS_NAME}`), `nobody else asks for it: ${asked}`);

  await world.use(second);
  await world.isSeenAs(4, second.host.v4);
  await world.isSeenAs(6, second.host.v6);

  // A check of the network opens sockets of every kind.
  await client.host.exec(
    [
      'curl',
      '-s',
      '--unix-socket',
      client.socket,
      '-X',
      'POST',
      'http://local-tailscaled.sock/localapi/v0/debug?action=restun',
    ],
    { mayFail: true },
  );
  await client.process.kill();
  must((await world.seenAs(4)) === undefined, 'without the daemon nothing leaves');
  await client.run();
  await client.running();
  await world.isSeenAs(4, second.host.v4);
  // Somebody reloads the machine's firewall: the routes hold meanwhile.
  await client.host.exec(['nft', 'flush', 'ruleset']);
  await until('the kill switch to be back', async () => (await world.killSwitch()) !== undefined);
  await world.isSeenAs(4, second.host.v4);
  stop.abort();
  const { marked, unmarked } = await watched;
  must(unmarked.size === 0, `every socket of the daemon is marked: ${[...unmarked].join(', ')}`);
  must(marked.size >= 4, `sockets were seen: ${[...marked].join(', ')}`);
  must(
    (await ownSockets(client.host)).every(({ isMarked }) => isMarked),
    'and stays so',
  );

  await world.use(undefined);
  await world.isSeenAs(4, home);
  must((await world.seenAs(6)) === undefined, 'and the client has no IPv6 again');
  must((await world.killSwitch()) === undefined, 'nothing is closed any more');
  must((await policyRules(world)) === rulesBefore, 'the policy rules are what they were');
  must((await resolvConf(world)) === resolvBefore, 'the resolver is what it was');
  return { usedMs, socketsSeen: marked.size };
}

const policyRules = async ({ client }: ExitWorld): Promise<string> =>
  (await client.host.exec(['sh', '-c', 'ip -4 rule; ip -6 rule'])).stdout;
const resolvConf = async ({ client }: ExitWorld): Promise<string> =>
  (await client.host.exec(['cat', '/etc/resolv.conf'])).stdout;

export const exitNode: Scenario = {
  name: 'exit-node',
  what: 'a client behind NAT is seen with its exit node’s addresses, names go the same way, every socket of its daemon stays outside',
  needs: ['curl', 'nft', 'ss', 'getent'],
  run,
};
