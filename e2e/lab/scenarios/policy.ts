/** The policy against real packets: what it allows arrives, what it does not does not, and each change holds at once. */
import { join } from 'node:path';
import { z } from 'zod';
import { bothAddresses, type Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';

const PROGRAM = join(import.meta.dirname, '../programs/reach.ts');
const PORTS = [7_001, 7_002] as const;
const PROTOCOLS = ['tcp', 'udp'] as const;
const CHANGE_MS = 10_000;

/** One rule of the lab's own, much smaller language: what is expected is worked out from it, not by our compiler. */
interface Allow {
  readonly from: string;
  readonly to: string;
  readonly protocol?: (typeof PROTOCOLS)[number];
  readonly port?: number;
}

interface Machine {
  readonly name: string;
  readonly daemon: Daemon;
  readonly addresses: readonly [string, string];
}

/** Something that one machine could begin towards another. */
interface Attempt {
  readonly from: Machine;
  readonly to: Machine;
  readonly protocol: (typeof PROTOCOLS)[number];
  readonly port: number;
  readonly family: 0 | 1;
}

const NAMES = ['alpha', 'beta', 'gamma'] as const;

const POLICIES: readonly { readonly what: string; readonly allows: readonly Allow[] }[] = [
  { what: 'nothing', allows: [] },
  { what: 'one way, one port', allows: [{ from: 'alpha', to: 'beta', protocol: 'tcp', port: 7_001 }] },
  {
    what: 'a chain, each with something else',
    allows: [
      { from: 'alpha', to: 'beta', protocol: 'udp' },
      { from: 'beta', to: 'gamma', port: 7_002 },
    ],
  },
  { what: 'the other way round', allows: [{ from: 'beta', to: 'alpha', port: 7_001 }] },
  {
    what: 'everything between two, a port to the third',
    allows: [
      { from: 'alpha', to: 'gamma' },
      { from: 'gamma', to: 'alpha' },
      { from: 'beta', to: 'gamma', protocol: 'tcp', port: 7_002 },
    ],
  },
];

const allowsAttempt = (allows: readonly Allow[], { from, to, protocol, port }: Attempt): boolean =>
  allows.some(
    (one) =>
      one.from === from.name &&
      one.to === to.name &&
      (one.protocol ?? protocol) === protocol &&
      (one.port ?? port) === port,
  );

const seesEachOther = (allows: readonly Allow[], a: string, b: string): boolean =>
  allows.some(({ from, to }) => (from === a && to === b) || (from === b && to === a));

function policyOf(machines: readonly Machine[], allows: readonly Allow[]): object {
  const addressesOf = (name: string): readonly string[] =>
    machines.find((machine) => machine.name === name)?.addresses ?? [];
  const hosts = Object.fromEntries(
    machines.flatMap(({ name, addresses: [v4, v6] }) => [
      [`${name}4`, `${v4}/32`],
      [`${name}6`, `${v6}/128`],
    ]),
  );
  const acls = allows.map(({ from, to, protocol, port }) => ({
    action: 'accept',
    ...(protocol === undefined ? {} : { proto: protocol }),
    src: [`${from}4`, `${from}6`],
    dst: addressesOf(to).map((_, family) => `${to}${family === 0 ? 4 : 6}:${port ?? '*'}`),
  }));
  return { hosts, acls };
}

/** Every attempt there is, each answered by whether it got through. */
async function tryAll(attempts: readonly Attempt[]): Promise<readonly boolean[]> {
  const results = new Map<Attempt, boolean>();
  const machines = [...new Set(attempts.map(({ from }) => from))];
  await Promise.all(
    machines.map(async (machine) => {
      const own = attempts.filter(({ from }) => from === machine);
      const targets = own.map(
        ({ to, protocol, port, family }) => `${protocol}/${to.addresses[family]}/${port}`,
      );
      const { stdout } = await machine.daemon.host.exec([process.execPath, PROGRAM, 'try', ...targets]);
      const answered = z.array(z.boolean()).length(own.length).parse(JSON.parse(stdout));
      for (const [index, attempt] of own.entries()) results.set(attempt, answered[index] === true);
    }),
  );
  return attempts.map((attempt) => results.get(attempt) === true);
}

const inWords = ({ from, to, protocol, port, family }: Attempt): string =>
  `${protocol} from ${from.name} to ${to.name}:${port} over IPv${family === 0 ? 4 : 6}`;

/** Waits until each machine lists exactly those peers that the policy shows it. */
async function untilSeen(machines: readonly Machine[], allows: readonly Allow[]): Promise<void> {
  for (const { name, daemon } of machines) {
    const wanted = machines.filter((other) => other.name !== name && seesEachOther(allows, name, other.name));
    await until(
      `${name} to see ${wanted.map((other) => other.name).join(', ') || 'nobody'}`,
      async () => {
        const peers = Object.values((await daemon.status()).Peer ?? {}).map((peer) => peer?.HostName ?? '');
        return peers.length === wanted.length && wanted.every((other) => peers.includes(other.name));
      },
      { timeoutMs: CHANGE_MS },
    );
  }
}

/** How many ways through there are; throws at the first that should be closed, or is closed and should not. */
async function check(machines: readonly Machine[], what: string, allows: readonly Allow[]): Promise<number> {
  const attempts = machines.flatMap((from) =>
    machines
      .filter((to) => to !== from)
      .flatMap((to) =>
        PROTOCOLS.flatMap((protocol) =>
          PORTS.flatMap((port) => ([0, 1] as const).map((family) => ({ from, to, protocol, port, family }))),
        ),
      ),
  );
  const got = await tryAll(attempts);
  for (const [index, attempt] of attempts.entries()) {
    const wanted = allowsAttempt(allows, attempt);
    must(
      got[index] === wanted,
      `${inWords(attempt)} under "${what}" ${wanted ? 'does not get' : 'gets'} through`,
    );
  }
  for (const from of machines)
    for (const to of machines.filter((other) => other !== from)) {
      const { received } = await from.daemon.host.ping(to.addresses[0]);
      // As official clients have it: whoever may reach anything of a machine may ping it.
      const mayPing = allows.some((one) => one.from === from.name && one.to === to.name);
      must(
        (received === 1) === mayPing,
        `a ping from ${from.name} to ${to.name} under "${what}" ${mayPing ? 'is not' : 'is'} answered`,
      );
    }
  return got.filter((isThere) => isThere).length;
}

async function run(lab: Lab): Promise<Record<string, number>> {
  const { machines: daemons, control } = await privateNetwork(lab, ...NAMES);
  const machines: Machine[] = [];
  for (const [index, daemon] of daemons.entries()) {
    const addresses = bothAddresses((await daemon.status()).Self ?? {});
    const argv = [process.execPath, PROGRAM, 'serve', ...addresses, ...PORTS.map(String)];
    const echo = daemon.host.spawn({ name: 'reach', argv });
    await until(`${NAMES[index]} to serve`, () => echo.output.includes('ready') || !echo.running);
    must(echo.running, `the echo server ended: ${echo.output}`);
    machines.push({ name: NAMES[index] as string, daemon, addresses });
  }
  const everything = NAMES.flatMap((from) => NAMES.filter((to) => to !== from).map((to) => ({ from, to })));
  let open = await check(machines, 'no policy at all', everything);
  let slowestMs = 0;
  for (const { what, allows } of POLICIES) {
    const began = clock.monotonic();
    await control.setPolicy(policyOf(machines, allows));
    await untilSeen(machines, allows);
    slowestMs = Math.max(slowestMs, clock.monotonic() - began);
    open += await check(machines, what, allows);
  }
  return { policies: POLICIES.length + 1, open, slowestChangeMs: slowestMs };
}

export const policy: Scenario = {
  name: 'policy',
  what: 'every connection that the policy allows is made, every other is not, through a row of policies',
  run,
};
