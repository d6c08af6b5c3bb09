/** The packet filter against every protocol: what rules let in, answers, pieces, the PeerAPI, shields, and who is told of a refusal. */
import { join } from 'node:path';
import { z } from 'zod';
import { bothAddresses, type Daemon } from '../daemon.ts';
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork } from '../network.ts';
import type { LabProcess } from '../process.ts';
import type { Scenario } from '../scenario.ts';
import { must, until } from '../wait.ts';

const REACH = join(import.meta.dirname, '../programs/reach.ts');
const RAW = join(import.meta.dirname, '../programs/raw-ip.ts');
const PORTS = [7_001, 7_002] as const;
const SCTP = 132;
const GRE = 47;
/** Nobody's (RFC 3692 §2.1). */
const EXPERIMENT = 253;
const CHANGE_MS = 10_000;
const HEARD_MS = 1_500;

/** What may get through, each in a word. */
const PROBES = [
  'tcp1',
  'tcp2',
  'udp1',
  'udp2',
  'pieces1',
  'ping',
  'sctp1',
  'sctp2',
  'gre',
  'experiment',
] as const;
type Probe = (typeof PROBES)[number];

interface Row {
  readonly what: string;
  /** Of alpha towards beta. */
  readonly rules: readonly { readonly proto?: string; readonly port: string }[];
  readonly open: readonly Probe[];
}

const ROWS: readonly Row[] = [
  { what: 'one TCP port', rules: [{ proto: 'tcp', port: '7001' }], open: ['tcp1', 'ping'] },
  {
    what: 'a range of UDP ports',
    rules: [{ proto: 'udp', port: '7000-7001' }],
    open: ['udp1', 'pieces1', 'ping'],
  },
  { what: 'pings alone', rules: [{ proto: 'icmp', port: '*' }], open: ['ping'] },
  { what: 'one SCTP port', rules: [{ proto: 'sctp', port: '7001' }], open: ['sctp1', 'ping'] },
  { what: 'a protocol by number', rules: [{ proto: '253', port: '*' }], open: ['experiment', 'ping'] },
  {
    what: 'two protocols in two rules',
    rules: [
      { proto: 'gre', port: '*' },
      { proto: 'tcp', port: '7002' },
    ],
    open: ['gre', 'tcp2', 'ping'],
  },
  {
    what: 'all ports of the usual protocols',
    rules: [{ port: '*' }],
    open: ['tcp1', 'tcp2', 'udp1', 'udp2', 'pieces1', 'ping'],
  },
];

interface World {
  readonly alpha: Daemon;
  readonly beta: Daemon;
  /** Of beta. */
  readonly target: string;
  readonly ears: LabProcess;
}

let marks = 0;

/** An SCTP packet or a payload without a header, that ends with a mark of its own. */
function rawPayload(protocol: number, port: number): { readonly hex: string; readonly mark: number } {
  const mark = marks++;
  const head = new Uint8Array(protocol === SCTP ? 12 : 4);
  if (protocol === SCTP) head.set([0x9c, 0x40, port >> 8, port & 255]);
  return { hex: Buffer.concat([head, Buffer.from(`filter-${mark}`)]).toString('hex'), mark };
}

const RAW_PROBES: readonly { readonly probe: Probe; readonly protocol: number; readonly port: number }[] = [
  { probe: 'sctp1', protocol: SCTP, port: PORTS[0] },
  { probe: 'sctp2', protocol: SCTP, port: PORTS[1] },
  { probe: 'gre', protocol: GRE, port: 0 },
  { probe: 'experiment', protocol: EXPERIMENT, port: 0 },
];

/** What of all probes gets through from alpha to beta now. */
async function through({ alpha, target, ears }: World): Promise<ReadonlySet<Probe>> {
  const sent = RAW_PROBES.map((one) => ({ ...one, ...rawPayload(one.protocol, one.port) }));
  await alpha.host.exec([
    process.execPath,
    RAW,
    'say',
    target,
    ...sent.map(({ protocol, hex }) => `${protocol}/${hex}`),
  ]);
  const tries = {
    tcp1: `tcp/${target}/7001`,
    tcp2: `tcp/${target}/7002`,
    udp1: `udp/${target}/7001`,
    udp2: `udp/${target}/7002`,
    pieces1: `pieces/${target}/7001`,
  };
  const [reached, ping] = await Promise.all([
    alpha.host.exec([process.execPath, REACH, 'try', ...Object.values(tries)]),
    alpha.host.ping(target),
  ]);
  const answered = z.array(z.boolean()).length(Object.keys(tries).length).parse(JSON.parse(reached.stdout));
  const found = new Set<Probe>(Object.keys(tries).filter((_, i) => answered[i]) as Probe[]);
  if (ping.received === 1) found.add('ping');
  // The tries above took longer than any packet does.
  for (const { probe, protocol, mark } of sent)
    if (ears.output.includes(`heard ${protocol} ${mark}\n`)) found.add(probe);
  return found;
}

async function expectThrough(world: World, what: string, wanted: readonly Probe[]): Promise<void> {
  const found = await through(world);
  for (const probe of PROBES)
    must(
      found.has(probe) === wanted.includes(probe),
      `under "${what}" ${probe} ${found.has(probe) ? 'gets through' : 'does not get through'}`,
    );
}

/** A change of the policy needs a moment; once it holds it holds. */
async function untilThrough(world: World, what: string, wanted: readonly Probe[]): Promise<void> {
  const attempt = async (): Promise<true> => {
    await expectThrough(world, what, wanted);
    return true;
  };
  await until(`the policy "${what}" to be in force`, attempt, { timeoutMs: CHANGE_MS });
  await expectThrough(world, what, wanted);
}

/** The status of the PeerAPI's answer; 0 = none. */
async function peerApi(from: Daemon, url: string, header = ''): Promise<number> {
  const argv = [
    'curl',
    '-s',
    '-o',
    '/dev/null',
    '-m',
    '3',
    '-w',
    '%{http_code}',
    ...(header === '' ? [] : ['-H', header]),
    url,
  ];
  return Number((await from.host.exec(argv, { mayFail: true })).stdout);
}

const report = z.looseObject({
  shieldsUp: z.boolean(),
  rules: z.array(z.looseObject({ passed: z.number(), nearMisses: z.number() })),
  refusals: z.array(z.looseObject({ to: z.string(), reason: z.string() })),
});

async function filterReport(daemon: Daemon): Promise<z.infer<typeof report>> {
  const { stdout } = await daemon.host.exec([
    'curl',
    '-s',
    '--unix-socket',
    daemon.socket,
    'http://local-tailscaled.sock/localapi/v0/rhumb/filter',
  ]);
  return report.parse(JSON.parse(stdout));
}

async function run(lab: Lab): Promise<Figures> {
  const { machines, control } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines;
  must(alpha !== undefined && beta !== undefined, 'both machines are there');
  const [own] = bothAddresses((await alpha.status()).Self ?? {});
  const [target] = bothAddresses((await beta.status()).Self ?? {});
  for (const { host } of [alpha, beta]) {
    const addresses = host === beta.host ? target : own;
    const echo = host.spawn({
      name: 'reach',
      argv: [process.execPath, REACH, 'serve', addresses, ...PORTS.map(String)],
    });
    await until(`${host.name} to serve`, () => echo.output.includes('ready') || !echo.running);
    must(echo.running, `the echo server ended: ${echo.output}`);
  }
  const ears = beta.host.spawn({
    name: 'raw-ip',
    argv: [process.execPath, RAW, 'hear', ...[SCTP, GRE, EXPERIMENT].map(String)],
  });
  await until('beta to listen to all protocols', () => ears.output.includes('ready') || !ears.running);
  must(ears.running, `the listener ended: ${ears.output}`);
  const world: World = { alpha, beta, target, ears };
  const policy = (rules: Row['rules']): object => ({
    hosts: { alpha: `${own}/32`, beta: `${target}/32` },
    acls: [
      ...rules.map(({ proto, port }) => ({
        action: 'accept',
        ...(proto === undefined ? {} : { proto }),
        src: ['alpha'],
        dst: [`beta:${port}`],
      })),
    ],
  });

  const url = await until(
    'beta to tell where its PeerAPI is',
    async () => (await alpha.peerNow('beta'))?.PeerAPIURL?.[0],
    { timeoutMs: CHANGE_MS },
  );
  let rows = 0;
  for (const { what, rules, open } of ROWS) {
    await control.setPolicy(policy(rules));
    await untilThrough(world, what, open);
    must((await peerApi(alpha, `${url}/`)) === 200, `the PeerAPI answers under "${what}"`);
    rows++;
  }
  const counted = await filterReport(beta);
  must(
    counted.rules.some(({ passed }) => passed > 0),
    'rules count what they let in',
  );
  must(
    counted.rules.some(({ nearMisses }) => nearMisses > 0),
    'rules count what only their protocol kept out',
  );

  must(
    (await peerApi(alpha, `${url}/`, 'Host: evil.example.com')) === 403,
    'a host name from elsewhere is refused',
  );
  must(
    (await peerApi(alpha, `${url}/`, 'Origin: https://evil.example.com')) === 403,
    'a page of elsewhere is refused',
  );
  must((await peerApi(alpha, `${url}/v0/env`)) === 404, 'what is not there is not there');
  const pinged = await alpha.cli(['ping', '--peerapi', '--c=1', target]);
  must(pinged.stdout.includes(url), `a ping of the PeerAPI says where it was: ${pinged.stdout}`);

  await beta.cli(['set', '--shields-up']);
  await until('beta to have its shields up', async () => (await filterReport(beta)).shieldsUp, {
    timeoutMs: CHANGE_MS,
  });
  await expectThrough(world, 'shields up', []);
  must((await peerApi(alpha, `${url}/`)) === 200, 'the PeerAPI answers with shields up');
  const heard = await until(
    'alpha to hear why',
    async () => (await filterReport(alpha)).refusals.find(({ reason }) => reason === 'shields'),
    { timeoutMs: HEARD_MS * 2 },
  );
  must(heard.to.startsWith(`${target}:`), `the refusal names the connection: ${heard.to}`);
  await control.setPolicy({
    hosts: { alpha: `${own}/32`, beta: `${target}/32` },
    acls: [{ action: 'accept', src: ['beta'], dst: ['alpha:7001'] }],
  });
  await until(
    'beta to reach alpha with its shields up',
    async () => {
      const { stdout } = await beta.host.exec([
        process.execPath,
        REACH,
        'try',
        `tcp/${own}/7001`,
        `udp/${own}/7001`,
        `pieces/${own}/7001`,
      ]);
      return stdout.trim() === '[true,true,true]' ? true : undefined;
    },
    { timeoutMs: CHANGE_MS },
  );
  await expectThrough(world, 'answers alone', []);
  return { policies: rows, probes: PROBES.length * (rows + 2) };
}

export const filter: Scenario = {
  name: 'filter',
  what: 'every protocol against a table of policies: TCP, UDP, pieces, ICMP, SCTP, others; the PeerAPI, shields, refusals',
  run,
};
