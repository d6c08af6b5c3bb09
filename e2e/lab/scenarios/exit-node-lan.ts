/** While an exit node is set, the machines beside a client are reached when the user allows it and only then, their name servers never. */
import { join } from 'node:path';
import { z } from 'zod';
import { capture } from '../capture.ts';
import { ExitWorld } from '../exit-world.ts';
import type { Figures } from '../figures.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { must, until } from '../wait.ts';

const REACH = join(import.meta.dirname, '../programs/reach.ts');
const PRINTING = 9_100;
const DNS = 53;
const DNS_TLS = 853;

async function run(lab: Lab): Promise<Figures> {
  const world = await ExitWorld.open(lab, 'same-nat', ['first']);
  const { client, network } = world;
  const first = world.exit(0);
  const { host: printer } = await network.net.add('same-nat', 'printer');
  const ports = [PRINTING, DNS, DNS_TLS].map(String);
  const serving = printer.spawn({
    name: 'printer',
    argv: [process.execPath, REACH, 'serve', printer.v4, ...ports],
  });
  await serving.says(/^ready$/m);
  const prints = (isSo: boolean): Promise<void> =>
    is(client.host, isSo, [`tcp/${printer.v4}/${PRINTING}`, `udp/${printer.v4}/${PRINTING}`]);
  const asks = (isSo: boolean): Promise<void> =>
    is(client.host, isSo, [
      `tcp/${printer.v4}/${DNS}`,
      `udp/${printer.v4}/${DNS}`,
      `tcp/${printer.v4}/${DNS_TLS}`,
    ]);
  await prints(true);
  await asks(true);

  await using names = await capture(
    printer,
    `src host ${client.host.v4} and (port ${DNS} or port ${DNS_TLS})`,
    'names',
  );
  await world.use(first);
  await world.isSeenAs(4, first.host.v4);
  await prints(false);
  await asks(false);

  const allow = async (isSo: boolean): Promise<void> => {
    await client.cli(['set', `--exit-node=${first.host.name}`, `--exit-node-allow-lan-access=${isSo}`]);
    await world.isSeenAs(4, first.host.v4);
  };
  await allow(true);
  await prints(true);
  await asks(false);
  must((await client.host.ping(printer.v4)).received === 1, 'the printer answers a ping');

  // What the user allowed holds without the daemon, and no more than that.
  await client.process.kill();
  await prints(true);
  await asks(false);
  must((await world.seenAs(4)) === undefined, 'without the daemon nothing else is reached');
  await client.run();
  await client.running();
  await world.isSeenAs(4, first.host.v4);
  await prints(true);

  await allow(false);
  await prints(false);
  await asks(false);
  const leaked = await names.packets();
  must(leaked.length === 0, `a name server beside the client was asked:\n${leaked.slice(0, 10).join('\n')}`);

  await world.use(undefined);
  await prints(true);
  await asks(true);
  return { nameServerPackets: leaked.length };
}

/** Whether all of these are answered, or none: a change takes a moment. */
async function is(from: Host, isSo: boolean, targets: readonly string[]): Promise<void> {
  await until(`${targets} to be reached: ${isSo}`, async () => {
    const { stdout } = await from.exec([process.execPath, REACH, 'try', ...targets]);
    const reached = z.array(z.boolean()).parse(JSON.parse(stdout));
    return reached.length === targets.length && reached.every((one) => one === isSo);
  });
}

export const exitNodeLan: Scenario = {
  name: 'exit-node-lan',
  what: 'with an exit node the network beside a machine is reached when the user allows it, its name servers never',
  needs: ['curl', 'nft', 'tcpdump'],
  run,
};
