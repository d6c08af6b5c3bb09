/** Under load the wire and the device fail in every way that a kernel knows: each is counted and told once, and traffic comes back. */
import { openCheckedStream } from '../checked-stream.ts';
import { engineName } from '../figures.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { troubleLines } from '../trouble-lines.ts';
import { clock, must, until } from '../wait.ts';
import type { WgPeer } from '../wg-peer.ts';
import { exchange, makePair, OURS, startPair, THEIRS } from '../wireguard-pair.ts';

const RATE = 3_000_000;
const SECONDS = 30;
const FAULT_MS = 700;
/** TCP's own timer doubles while nothing comes. */
const RECOVER_MS = 10_000;
const REPORT_MS = 3_000;
const STOP_MS = 3_000;

interface Fault {
  readonly what: string;
  /** Words for `sh -c`. */
  readonly breaks: string;
  readonly mends: string;
  /** From now on the network may not cut up datagrams. */
  readonly isWhole?: true;
  /** The line that it is worth, and the counter that moves; without them it costs nothing, or nobody but the kernel knows. */
  readonly told?: RegExp;
  readonly counted?: string;
}

const FAULTS = (far: string): readonly Fault[] => [
  {
    what: 'the wire goes down',
    breaks: 'ip link set eth0 down',
    mends: 'ip link set eth0 up',
    told: /^path\.send-failed ENETUNREACH$/,
    counted: 'drop.send-failed',
  },
  {
    what: 'the way is closed',
    breaks: `ip route add unreachable ${far}`,
    mends: `ip route del unreachable ${far}`,
    told: /^path\.send-failed EHOSTUNREACH$/,
    counted: 'drop.send-failed',
  },
  {
    what: 'the path gets narrow',
    breaks: `ip route add ${far} dev eth0 mtu 600`,
    mends: `ip route del ${far}`,
    // Nothing is lost: the kernel cuts up each datagram, but no longer many of them at once.
    ...(['portable', 'plain'].includes(engineName())
      ? {}
      : { told: /^engine\.offload-off (EINVAL|EMSGSIZE)$/ }),
  },
  {
    what: 'the wire gets narrow, and datagrams must stay whole',
    breaks: 'ip link set eth0 mtu 1280',
    mends: 'ip link set eth0 mtu 1500',
    isWhole: true,
    told: /^path\.send-failed EMSGSIZE$/,
    counted: 'drop.send-failed',
  },
  {
    // Linux keeps it to itself, unless a socket asks for all errors (net/ipv4/udp.c, udp_send_skb).
    what: 'the queue is tiny',
    breaks: 'tc qdisc replace dev eth0 root pfifo limit 1',
    mends: 'tc qdisc del dev eth0 root',
  },
  {
    what: 'a firewall says no',
    breaks:
      'nft add table ip t && nft "add chain ip t o { type filter hook output priority 0; }" && nft add rule ip t o udp dport 51820 drop',
    mends: 'nft delete table ip t',
    told: /^path\.send-failed EPERM$/,
    counted: 'drop.send-failed',
  },
  {
    what: 'the device goes down',
    breaks: 'ip link set rhumb0 down',
    mends: `ip link set rhumb0 up && ip route replace ${THEIRS[0]} dev rhumb0`,
    told: /^tun\.write-failed EIO$/,
    counted: 'drop.tun-write',
  },
  {
    what: 'the device gets narrow',
    breaks: 'ip link set rhumb0 mtu 600',
    mends: 'ip link set rhumb0 mtu 1420',
  },
];

async function run(lab: Lab): Promise<Record<string, number>> {
  const pair = await makePair(lab, { name: 'trouble', initiator: 'ours', withPresharedKey: false });
  const { us } = await startPair(pair);
  await exchange(pair, 'ours');
  const { ours, theirs } = pair;
  const bytes = RATE * SECONDS;
  const stream = await openCheckedStream({ from: ours, to: theirs, address: THEIRS[0], bytes, rate: RATE });
  await using pings = traffic(theirs, OURS[0]);
  let longestMs = 0;
  for (const { what, breaks, mends, isWhole, told, counted } of FAULTS(theirs.v4)) {
    if (isWhole === true) us.process.signal('SIGUSR2');
    const linesBefore = troubleLines(us.process).length;
    const countBefore = countOf(us, counted);
    await ours.exec(['sh', '-c', breaks]);
    await clock.sleep(FAULT_MS);
    await ours.exec(['sh', '-c', mends]);
    must(us.process.running, `the engine lives: ${what}`);
    const began = clock.monotonic();
    const before = us.report().peers[0]?.txBytes ?? 0;
    await until(
      `traffic to come back after: ${what}`,
      () => (us.report().peers[0]?.txBytes ?? 0) > before + RATE / 4,
      { timeoutMs: RECOVER_MS },
    );
    longestMs = Math.max(longestMs, Math.round(clock.monotonic() - began));
    if (counted !== undefined)
      await until(`${counted} to move after: ${what}`, () => countOf(us, counted) > countBefore, {
        timeoutMs: REPORT_MS,
      });
    const lines = troubleLines(us.process).slice(linesBefore);
    must(
      told === undefined ? lines.length === 0 : lines.length === 1 && told.test(lines[0] ?? ''),
      `${what}: it is told by ${told}, not by ${JSON.stringify(lines)}`,
    );
  }
  const end = await stream.end(SECONDS * 4_000);
  must(
    end.bytes === bytes && end.wrong === 0,
    `${end.bytes} of ${bytes} bytes came, ${end.wrong} pieces were wrong`,
  );
  await pings.more(1);
  // Nothing is left to move packets from and to, and it ends as it should all the same.
  const linesBefore = troubleLines(us.process).length;
  await ours.ip('link del rhumb0');
  await us.process.says(/"event":"engine\.tun-gone"/);
  await clock.sleep(FAULT_MS);
  const lines = troubleLines(us.process).slice(linesBefore);
  must(lines.filter((line) => line === 'engine.tun-gone').length === 1, `its end is told once: ${lines}`);
  must(lines.length <= 2, `little else is told: ${lines}`);
  must(us.process.running, 'the engine lives without its device');
  const { code } = await us.process.stop(STOP_MS);
  must(code === 0, `it ended by itself with ${code}: ${us.process.tail(5)}`);
  return { faults: FAULTS('').length, longestMs, lines: troubleLines(us.process).length };
}

const countOf = (us: WgPeer, name: string | undefined): number =>
  name === undefined ? 0 : (us.report().stats[name] ?? 0);

export const engineTrouble: Scenario = {
  name: 'engine-trouble',
  what: 'the wire and the device fail in every way under load: each is counted, told once, and traffic comes back',
  needs: ['wg', 'wireguard-go', 'nft', 'tc'],
  run,
};
