/** What goes wrong on a machine and around it while an exit node is set: each is made and undone again. */
import { join } from 'node:path';
import type { ExitWorld } from './exit-world.ts';
import { clock, must, until } from './wait.ts';

export interface Fault {
  readonly name: string;
  /** Among the few that every run of the tests has time for. */
  readonly isBrief?: boolean;
  make(world: ExitWorld): Promise<void>;
}

const ANNOUNCE = join(import.meta.dirname, 'programs/announce.ts');
/** Long enough for packets of every kind to try. */
const WHILE_MS = 400;
const STRANGE_PREFIX = '2001:db8:bad::';
let turn = 0;

const pause = (ms = WHILE_MS): Promise<void> => clock.sleep(ms);
/** In the client; some of it is not there each time. */
const on = async ({ client }: ExitWorld, ...commands: readonly string[]): Promise<void> => {
  await client.host.exec(['sh', '-c', commands.join('; ')], { mayFail: true });
};

export const faults: readonly Fault[] = [
  {
    name: 'daemon killed',
    isBrief: true,
    make: async ({ client }) => {
      await client.process.kill();
      await pause();
      await client.run();
    },
  },
  {
    name: 'daemon ended and started',
    isBrief: true,
    make: async ({ client }) => {
      const { code } = await client.process.stop();
      must(code === 0, `rhumbd ends in order: ${code}`);
      await pause();
      await client.run();
    },
  },
  {
    name: 'daemon stopped and continued',
    make: async ({ client }) => {
      client.process.signal('SIGSTOP');
      await pause(800);
      client.process.signal('SIGCONT');
    },
  },
  {
    name: 'daemon killed twice while it starts',
    make: async ({ client }) => {
      await client.process.kill();
      for (const ms of [60, 250]) {
        const child = client.spawn();
        await pause(ms);
        await child.kill();
      }
      await client.run();
    },
  },
  {
    name: 'link down and up',
    isBrief: true,
    make: async ({ client }) => {
      await client.host.linkDown();
      await pause();
      await client.host.linkUp();
    },
  },
  {
    name: 'address changed',
    isBrief: true,
    make: async ({ client, network }) => {
      turn++;
      const { v4, v6 } = network.net.core;
      await client.host.readdress({ v4: `${v4}.${150 + (turn % 50)}`, v6: `${v6}:${150 + (turn % 50)}` });
      await pause();
    },
  },
  {
    name: 'daemon killed while the link is down',
    make: async ({ client }) => {
      await client.host.linkDown();
      await client.process.kill();
      await client.host.linkUp();
      await pause();
      await client.run();
    },
  },
  {
    name: 'routes flushed',
    isBrief: true,
    make: async (world) => {
      await on(world, 'ip -4 route flush table 52', 'ip -6 route flush table 52');
      await pause();
    },
  },
  {
    name: 'rules deleted',
    isBrief: true,
    make: async (world) => {
      await on(
        world,
        ...['-4', '-6'].flatMap((family) =>
          [5270, 5250, 5210].map((at) => `ip ${family} rule del pref ${at}`),
        ),
      );
      await pause();
    },
  },
  {
    name: 'tunnel interface down',
    make: async (world) => {
      await on(world, 'ip link set rhumb0 down');
      await pause();
      await on(world, 'ip link set rhumb0 up');
      await pause();
    },
  },
  {
    name: 'default routes replaced',
    make: async (world) => {
      const { v4, v6 } = world.network.net.gateway;
      await on(world, 'ip route del default', 'ip -6 route del default');
      await pause();
      await on(
        world,
        `ip route add default via ${v4} dev eth0 metric 5`,
        `ip -6 route add default via ${v6} dev eth0 metric 5`,
      );
      await pause();
    },
  },
  {
    name: 'coordination server stopped and started',
    make: async ({ network }) => {
      await network.control.process.kill();
      await pause();
      await network.control.serve();
    },
  },
  {
    name: 'daemon started while the server is away',
    make: async ({ network, client }) => {
      await network.control.process.kill();
      await client.process.kill();
      await client.run();
      await pause();
      await network.control.serve();
    },
  },
  {
    name: 'exit node killed and started',
    isBrief: true,
    make: async ({ exits }) => {
      await exits[0]?.process.kill();
      await pause();
      await exits[0]?.run();
    },
  },
  {
    name: 'relay stopped and started',
    make: async ({ network }) => {
      for (const relay of network.relays) await relay.process.kill();
      await pause();
      for (const relay of network.relays) await relay.run();
    },
  },
  {
    name: 'name server silent',
    make: async (world) => {
      world.silence(true);
      await pause(700);
      world.silence(false);
    },
  },
  {
    name: 'IPv6 routers announced',
    isBrief: true,
    make: async ({ witness }) => {
      await witness.exec([process.execPath, ANNOUNCE, 'eth0', STRANGE_PREFIX, '1800']);
      await pause();
      await witness.exec([process.execPath, ANNOUNCE, 'eth0', STRANGE_PREFIX, '0']);
    },
  },
  {
    name: 'resolv.conf rewritten',
    isBrief: true,
    make: async ({ client, witness }) => {
      client.host.resolveBy(witness.v4);
      await pause();
    },
  },
  {
    name: 'another interface with a default route',
    isBrief: true,
    make: async (world) => {
      await on(
        world,
        'ip link add other0 type dummy',
        'ip addr add 192.0.2.9/24 dev other0',
        'ip link set other0 up',
        'ip route add default via 192.0.2.1 dev other0 metric 1',
      );
      await pause();
      await on(world, 'ip link del other0');
    },
  },
  {
    name: 'key expired',
    make: async (world) => {
      const { client, network } = world;
      await network.control.rawCli('nodes', 'expire', '--identifier', await network.control.idOf('client'));
      await until('a login to be needed', async () => (await client.status()).BackendState === 'NeedsLogin');
      must((await world.seenAs(4)) === undefined, 'an expired key opens no way');
      await world.signIn();
    },
  },
  {
    name: 'exit node changed and changed back',
    make: async (world) => {
      const [first, second] = world.exits;
      await world.use(second);
      await pause();
      await world.use(first);
    },
  },
  {
    name: 'exit node that is not there',
    make: async (world) => {
      await world.patch({ ExitNodeID: 'nNobody', ExitNodeIDSet: true });
      await pause();
      await world.use(world.exits[0]);
    },
  },
];
