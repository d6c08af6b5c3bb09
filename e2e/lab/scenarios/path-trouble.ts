/** What a daemon's own machine does to its path to a peer: the log says it once, a counter moves, and traffic comes back. */
import type { Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { troubleLines } from '../trouble-lines.ts';
import { clock, must, until } from '../wait.ts';

const FAULT_MS = 3_000;
const BACK_MS = 20_000;
/** Others may be kept from the other machine as well. */
const MAX_LINES = 2;

interface Fault {
  readonly code: string;
  /** Words for `sh -c`. */
  readonly breaks: string;
  readonly mends: string;
}

/** A network that is down is noticed as such, before or after the first packet. */
const FAULTS = (far: string): readonly Fault[] => [
  {
    code: 'EPERM',
    breaks: `nft add table ip t && nft "add chain ip t o { type filter hook output priority 0; }" && nft add rule ip t o ip daddr ${far} meta l4proto udp drop`,
    mends: 'nft delete table ip t',
  },
  {
    code: 'EHOSTUNREACH',
    breaks: `ip route add unreachable ${far}`,
    mends: `ip route del unreachable ${far}`,
  },
];

async function run(lab: Lab): Promise<Record<string, number>> {
  const { machines } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines;
  must(alpha !== undefined && beta !== undefined, 'alpha and beta are there');
  await reachEachOther(alpha, beta);
  await using pings = traffic(alpha.host, (await beta.addresses())[0]);
  await pings.more(20);
  let longestMs = 0;
  for (const { code, breaks, mends } of FAULTS(beta.host.v4)) {
    const linesBefore = troubleLines(alpha.process).length;
    const countBefore = await failedSends(alpha);
    await alpha.host.exec(['sh', '-c', breaks]);
    await clock.sleep(FAULT_MS);
    await alpha.host.exec(['sh', '-c', mends]);
    const mendedMs = clock.now();
    const backMs = await until(`pings after ${code}`, () => pings.firstAfter(mendedMs), {
      timeoutMs: BACK_MS,
    });
    longestMs = Math.max(longestMs, backMs - mendedMs);
    const lines = troubleLines(alpha.process).slice(linesBefore);
    const told = lines.filter((line) => line.startsWith('path.'));
    must(told.length === 1 && told[0] === `path.send-failed ${code}`, `${code} is told once: ${told}`);
    must(lines.length <= MAX_LINES, `little else is told: ${lines}`);
    must((await failedSends(alpha)) > countBefore, `${code} is counted`);
  }
  return { longestMs, lines: troubleLines(alpha.process).length };
}

/** As the daemon's metrics have it. */
async function failedSends(daemon: Daemon): Promise<number> {
  const found = /^rhumbd_engine_drop_send_failed (\d+)$/m.exec(await daemon.metrics());
  must(found !== null, 'failed sends are counted');
  return Number(found[1]);
}

export const pathTrouble: Scenario = {
  name: 'path-trouble',
  what: 'a daemon says once what its own machine does to a path, and traffic comes back',
  needs: ['nft', 'curl'],
  run,
};
