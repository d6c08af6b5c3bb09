/** Two engines under load while keys, paths, peers, rules, switches and sockets change all the time: nothing grows, nothing sticks. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CheckedStream, openCheckedStream } from '../checked-stream.ts';
import { ROOT } from '../figures.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import type { LabProcess } from '../process.ts';
import type { RunOptions, Scenario } from '../scenario.ts';
import { type SoakConfig, type SoakReport, soakReport } from '../soak-report.ts';
import { clock, must, until } from '../wait.ts';
import { makeKeys } from '../wireguard-go.ts';

const PROGRAM = join(ROOT, 'e2e/lab/programs/engine-soak.ts');
/** Half an hour, when a person asks for it: `npm run lab -- engine-soak 1800`. */
const SECONDS = 90;
const RATE = 5_000_000;
/** By turns: who has just answered a handshake begins none for 5 s (data-plane.md §1.9), and nothing would be sent meanwhile. */
const RENEW_MS = 14_000;
/** A handshake whose message was lost is begun again after 5 s, and then TCP waits for its own timer. */
const GAP_MS = 15_000;
/** Of the program's whole memory, between the second quarter and the last; Node's own goes up and down by as much. */
const GROWTH_BYTES = 8 << 20;
/** A short run sees little but the beginning, in which everything is used for the first time. */
const SHORT_SECONDS = 600;
const SHORT_GROWTH_BYTES = 32 << 20;
const SAMPLE_MS = 5_000;
/** Of all packets, those that switches spoil. */
const SPOILT = 0.001;

interface Machine {
  readonly host: Host;
  readonly process: LabProcess;
  report(): SoakReport;
}

async function start(host: Host, config: SoakConfig): Promise<Machine> {
  const file = join(host.folder, 'soak.json');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  // As the package starts rhumbd: garbage that is not collected yet would be taken for growth.
  const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2', '--expose-gc'];
  const child = host.spawn({ name: 'engine-soak', argv: [process.execPath, ...flags, PROGRAM, file] });
  await child.says(/^\{.*\}$/m, 30_000);
  return {
    host,
    process: child,
    report: () => {
      must(child.running, `${host.name} runs`);
      const line = child.output.split('\n').findLast((one) => /^\{.*\}$/.test(one));
      return soakReport.parse(JSON.parse(line ?? ''));
    },
  };
}

async function run(lab: Lab, { args, say }: RunOptions): Promise<Record<string, number>> {
  const seconds = Number(args[0] ?? SECONDS);
  const rate = Number(args[1] ?? RATE);
  const lan = await lab.addSwitch('soak');
  const hosts = [
    await lab.addHost('alpha', { on: [lan] }),
    await lab.addHost('beta', { on: [lan] }),
  ] as const;
  const keys = [await makeKeys(), await makeKeys()] as const;
  const addresses = ['10.0.0.1', '10.0.0.2'] as const;
  const machine = (own: 0 | 1, far: 0 | 1): Promise<Machine> =>
    start(hosts[own], {
      tun: 'rhumb0',
      mtu: 1_280,
      port: 51_820,
      relayPort: 51_821,
      privateKey: keys[own].privateKey,
      friendKey: keys[far].publicKey,
      address: addresses[own],
      friendAddress: addresses[far],
      friend: hosts[far].v4,
      renewFirstMs: RENEW_MS / (own + 1),
      renewMs: RENEW_MS,
    });
  const machines = await Promise.all([machine(0, 1), machine(1, 0)]);
  const bytes = rate * seconds;
  const streams = await Promise.all([
    openCheckedStream({ from: hosts[0], to: hosts[1], address: addresses[1], bytes, rate }),
    openCheckedStream({ from: hosts[1], to: hosts[0], address: addresses[0], bytes, rate }),
  ]);

  const samples = await watch(machines, streams, seconds, say);
  const ends = await Promise.all(streams.map((stream) => stream.end(seconds * 2_000 + 120_000)));
  for (const { bytes: came, wrong } of ends) {
    must(came === bytes, `${came} of ${bytes} bytes came`);
    must(wrong === 0, `${wrong} pieces were not what was sent`);
  }
  const longestGapMs = Math.max(...ends.map((end) => end.longestGapMs));
  const growth = machines.map((_, i) =>
    growthOf(samples.map((sample) => (sample[i] as SoakReport).resources.rss)),
  );
  const most = seconds < SHORT_SECONDS ? SHORT_GROWTH_BYTES : GROWTH_BYTES;
  for (const [i, grown] of growth.entries())
    must(grown < most, `the memory of ${hosts[i]?.name} grew by ${grown} bytes`);
  const last = await settled(machines);
  mustAddUp(last);
  const took = Math.max(...ends.map((end) => end.seconds));
  return {
    seconds: took,
    gigabytes: (2 * bytes) / 1e9,
    longestGapMs,
    growthKiB: Math.round(Math.max(...growth) / 1_024),
    rssMiB: Math.round(Math.max(...last.map(({ resources }) => resources.rss)) / 1_048_576),
    renewals: last.reduce((sum, { renewals }) => sum + renewals, 0),
  };
}

type Both = readonly SoakReport[];

/** One sample of both in a while, for as long as the transfers are meant to last; fails as soon as something sticks. */
async function watch(
  machines: readonly Machine[],
  streams: readonly CheckedStream[],
  seconds: number,
  say: (text: string) => void,
): Promise<readonly Both[]> {
  const samples: Both[] = [];
  const began = clock.monotonic();
  while (clock.monotonic() - began < seconds * 1_000) {
    await clock.sleep(SAMPLE_MS);
    const reports = machines.map((machine) => machine.report());
    const moved = streams.map((stream) => stream.progress());
    for (const { longestGapMs } of moved)
      must(longestGapMs < GAP_MS, `a stream stood still for ${longestGapMs} ms`);
    for (const { devices } of reports) must(devices.length === 0, `devices are gone: ${devices.join()}`);
    samples.push(reports);
    if (samples.length % 12 === 1) {
      const told = reports.map(({ resources: { rss, threads, descriptors } }) => ({
        rss,
        threads,
        descriptors,
      }));
      say(JSON.stringify({ at: Math.round((clock.monotonic() - began) / 1_000), moved, told }));
    }
  }
  const [first, last] = [samples[Math.floor(samples.length / 4)], samples.at(-1)];
  for (const [i, report] of (last ?? []).entries()) {
    const { threads, descriptors } = first?.[i]?.resources ?? report.resources;
    must(report.resources.threads === threads, `${threads} threads, then ${report.resources.threads}`);
    must(
      report.resources.descriptors <= descriptors + 2,
      `${descriptors} descriptors, then ${report.resources.descriptors}`,
    );
  }
  return samples;
}

const middle = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** From the second quarter, when everything was there for the first time, to the last. */
function growthOf(values: readonly number[]): number {
  const quarter = Math.ceil(values.length / 4);
  return middle(values.slice(-quarter)) - middle(values.slice(quarter, 2 * quarter));
}

/** Nothing is under way any more: nobody counts data. */
async function settled(machines: readonly Machine[]): Promise<Both> {
  let last: Both = [];
  return await until(
    'the machines to come to rest',
    () => {
      const now = machines.map((machine) => machine.report());
      const isQuiet = now.every(({ stats }, i) => {
        const before = last[i]?.stats['tx.packets'];
        return before !== undefined && (stats['tx.packets'] ?? 0) - before < 50;
      });
      last = now;
      return isQuiet ? now : undefined;
    },
    { timeoutMs: 60_000, everyMs: 6_000 },
  );
}

/** Whatever one received the other had sent; a copy over the relay is a replay or a packet of its own. */
function mustAddUp(reports: Both): void {
  for (const [i, { stats }] of reports.entries()) {
    const far = reports[1 - i]?.stats ?? {};
    const sent = (stats['tx.packets'] ?? 0) + (stats['tx.relay'] ?? 0);
    const came = [
      'rx.packets',
      'drop.replay',
      'drop.unknown-index',
      'drop.expired-key',
      'drop.not-authentic',
    ];
    const seen = came.reduce((sum, name) => sum + (far[name] ?? 0), 0);
    must(seen <= sent, `${sent} packets were sent, and ${seen} seen: ${JSON.stringify(reports)}`);
    // What was joined before receiving in one piece was switched off comes as one datagram that is none.
    const spoilt = far['drop.not-authentic'] ?? 0;
    must(spoilt < SPOILT * sent, `${spoilt} of ${sent} packets were spoilt`);
    const left = (stats['tx.packets'] ?? 0) - (stats['drop.record-queue'] ?? 0);
    must((far['rx.packets'] ?? 0) > 0.8 * left, `too much was lost: ${JSON.stringify(reports)}`);
  }
}

export const engineSoak: Scenario = {
  name: 'engine-soak',
  what: 'engines under load keep their memory, threads and queues while keys, paths, peers and sockets change',
  needs: ['wg'],
  isSlow: true,
  run,
};
