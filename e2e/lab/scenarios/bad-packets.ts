/** A stranger sends a daemon noise, torn messages and replays: they are counted and dropped, and nobody is disturbed. */
import { join } from 'node:path';
import { capture } from '../capture.ts';
import type { Daemon } from '../daemon.ts';
import { ROOT } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { must } from '../wait.ts';

const PROGRAM = join(ROOT, 'e2e/lab/programs/bad-udp.ts');
const SILENCE_MS = 1_000;

async function run(lab: Lab): Promise<Record<string, number>> {
  const { machines, lan } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines;
  must(alpha !== undefined && beta !== undefined, 'alpha and beta are there');
  const stranger = await lab.addHost('stranger', { on: [lan] });

  // What beta says to alpha, handshake included, is recorded for the replay.
  await using wire = await capture(alpha.host, `udp and src host ${beta.host.v4}`);
  await reachEachOther(alpha, beta);
  await using steady = traffic(alpha.host, (await beta.addresses())[0]);
  await steady.more(20);
  const recorded = await wire.packets();
  const toPort = /> [\d.]+\.(\d+): UDP/.exec(recorded[0] ?? '')?.[1];
  must(toPort !== undefined, `a datagram of beta was seen: ${recorded[0]}`);

  const before = await dropped(alpha);
  const argv = [process.execPath, PROGRAM, alpha.host.v4, toPort, wire.file];
  const { stdout } = await stranger.exec(argv);
  const [sent = 0, replayed = 0] = stdout.trim().split(' ').map(Number);
  await steady.more(20);

  must(steady.longestGapMs() < SILENCE_MS, `traffic stopped for ${steady.longestGapMs()} ms`);
  must(!steady.sawDuplicate(), 'a replayed packet was delivered a second time');
  const { CurAddr } = await alpha.peer('beta');
  must(!CurAddr.includes(stranger.v4), `beta's path was moved to the stranger: ${CurAddr}`);
  must(alpha.process.running && beta.process.running, 'both daemons run');
  must(
    !/\n\s+at .*\(?file:/.test(alpha.process.output),
    `a stack trace in the log: ${alpha.process.tail(30)}`,
  );
  const drops = (await dropped(alpha)) - before;
  // Half would already be suspicious; what disco drops for its rate limit may be counted once for many.
  must(drops >= sent / 2, `${drops} drops were counted for ${sent} bad datagrams`);
  return { sent, replayed, drops, longestGapMs: steady.longestGapMs() };
}

/** The sum of every drop counter that the daemon's metrics have. */
async function dropped(daemon: Daemon): Promise<number> {
  const lines = (await daemon.metrics()).split('\n').filter((line) => /^[^#].*drop/.test(line));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

export const badPackets: Scenario = {
  name: 'bad-packets',
  what: 'noise, torn messages and replays from a stranger are counted and dropped, and disturb nobody',
  needs: ['tcpdump', 'curl'],
  run,
};
