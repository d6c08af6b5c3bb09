/** Under load the wire and the device fail in every way that a kernel knows: each time traffic comes back, and nothing ends. */
import { openCheckedStream } from '../checked-stream.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { clock, must, until } from '../wait.ts';
import { exchange, makePair, startPair, THEIRS } from '../wireguard-pair.ts';

const RATE = 3_000_000;
const SECONDS = 30;
const FAULT_MS = 700;
/** TCP's own timer doubles while nothing comes. */
const RECOVER_MS = 10_000;
const STOP_MS = 3_000;

/** What breaks it, and what mends it; words for `sh -c`. */
const FAULTS = (far: string): readonly (readonly [what: string, breaks: string, mends: string])[] => [
  ['the wire goes down (ENETUNREACH)', 'ip link set eth0 down', 'ip link set eth0 up'],
  ['the way is closed (EHOSTUNREACH)', `ip route add unreachable ${far}`, `ip route del unreachable ${far}`],
  ['the path gets narrow (EMSGSIZE, EINVAL)', `ip route add ${far} dev eth0 mtu 600`, `ip route del ${far}`],
  [
    'the queue is tiny (ENOBUFS)',
    'tc qdisc replace dev eth0 root pfifo limit 1',
    'tc qdisc del dev eth0 root',
  ],
  [
    'a firewall says no (EPERM)',
    'nft add table ip t && nft "add chain ip t o { type filter hook output priority 0; }" && nft add rule ip t o udp dport 51820 drop',
    'nft delete table ip t',
  ],
  [
    'the device goes down',
    'ip link set rhumb0 down',
    `ip link set rhumb0 up && ip route replace ${THEIRS[0]} dev rhumb0`,
  ],
  ['the device gets narrow', 'ip link set rhumb0 mtu 600', 'ip link set rhumb0 mtu 1420'],
];

async function run(lab: Lab): Promise<Record<string, number>> {
  const pair = await makePair(lab, { name: 'trouble', initiator: 'ours', withPresharedKey: false });
  const { us } = await startPair(pair);
  await exchange(pair, 'ours');
  const { ours, theirs } = pair;
  const bytes = RATE * SECONDS;
  const stream = await openCheckedStream({ from: ours, to: theirs, address: THEIRS[0], bytes, rate: RATE });
  let longestMs = 0;
  for (const [what, breaks, mends] of FAULTS(theirs.v4)) {
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
  }
  const end = await stream.end(SECONDS * 4_000);
  must(
    end.bytes === bytes && end.wrong === 0,
    `${end.bytes} of ${bytes} bytes came, ${end.wrong} pieces were wrong`,
  );
  // Nothing is left to move packets from and to, and it ends as it should all the same.
  await ours.ip('link del rhumb0');
  await us.process.says(/"type":"device"/);
  must(us.process.running, 'the engine lives without its device');
  const { code } = await us.process.stop(STOP_MS);
  must(code === 0, `it ended by itself with ${code}: ${us.process.tail(5)}`);
  return { faults: FAULTS('').length, longestMs };
}

export const engineTrouble: Scenario = {
  name: 'engine-trouble',
  what: 'the wire and the device fail in every way under load, and traffic comes back each time',
  needs: ['wg', 'wireguard-go', 'nft', 'tc'],
  run,
};
