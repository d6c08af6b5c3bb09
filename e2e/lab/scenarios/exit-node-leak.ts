/** While an exit node is set nothing leaves a machine outside the tunnel, whatever happens to it: packets are counted on its link. */
import { join } from 'node:path';
import { z } from 'zod';
import { ExitWorld } from '../exit-world.ts';
import { type Fault, faults } from '../faults.ts';
import type { Figures } from '../figures.ts';
import type { Lab } from '../lab.ts';
import { LeakWatch, missingKinds, TOKEN } from '../leak-watch.ts';
import type { RunOptions, Scenario } from '../scenario.ts';
import { clock, must } from '../wait.ts';

const CHATTERBOX = join(import.meta.dirname, '../programs/chatterbox.ts');
const PROOF_MS = 2_500;
/**
 * The C library's resolver gives each name server 5 s, twice, and what it asked while the way was closed is asked to the end
 * first; on a busy machine one such question and the next took more than 25 s.
 */
const PROOFS = 24;

const run =
  (rounds: number, kinds: readonly Fault[]) =>
  async (lab: Lab, { args, say }: RunOptions): Promise<Figures> => {
    // A name of a fault runs that one alone, ten times.
    const chosen = kinds.filter(({ name }) => args.length === 0 || args.some((word) => name.includes(word)));
    const plan = Array.from({ length: args.length === 0 ? rounds : 10 }, () => chosen).flat();
    const world = await ExitWorld.open(lab, 'open', ['first', 'second']);
    const { client, witness, network } = world;
    const first = world.exit(0);
    await client.host.exec(['sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra=2']);
    const others = [
      network.net.server.v4,
      ...network.relays.map(({ host }) => host.v4),
      world.exit(1).host.v4,
    ];
    const chatter = client.host.spawn({
      name: 'chatterbox',
      argv: [process.execPath, CHATTERBOX, TOKEN, witness.v4, witness.v6, ...others],
    });
    await chatter.says(/^ready$/m);

    await proves(world, 'before');
    await world.use(first);
    await world.isSeenAs(4, first.host.v4);
    await world.isSeenAs(6, first.host.v6);

    const before = attempts(chatter.output);
    await using watch = await LeakWatch.begin(world, 'faults');
    let slowestMs = 0;
    for (const { name, make } of plan) {
      const began = clock.monotonic();
      await make(world);
      await client.running();
      await world.isSeenAs(4, first.host.v4);
      await world.isSeenAs(6, first.host.v6);
      const tookMs = Math.round(clock.monotonic() - began);
      slowestMs = Math.max(slowestMs, tookMs);
      say(`${name}: ${tookMs} ms`);
    }
    const { packets, leaks } = await watch.end();
    const tried = attempts(chatter.output) - before;
    const some = leaks.slice(0, 20).join('\n');
    must(leaks.length === 0, `${leaks.length} of ${packets} packets left outside the tunnel:\n${some}`);

    await world.use(undefined);
    await world.isSeenAs(4, client.host.v4);
    await proves(world, 'after');
    return {
      faults: plan.length,
      packetsTried: tried,
      packetsExamined: packets,
      packetsOutside: leaks.length,
      slowestFaultMs: slowestMs,
    };
  };

/** What the chatterbox last said of itself, all kinds together. */
function attempts(output: string): number {
  const said = z.record(z.string(), z.number());
  const last = output.match(/^\{.*\}$/gm)?.at(-1) ?? '{}';
  return Object.values(said.parse(JSON.parse(last))).reduce((sum, one) => sum + one, 0);
}

/** The same traffic and the same eyes without an exit node: every kind is seen. */
async function proves(world: ExitWorld, name: string): Promise<void> {
  const seen: string[] = [];
  for (let n = 0; n < PROOFS && (n === 0 || missingKinds(seen).length > 0); n++) {
    await using watch = await LeakWatch.begin(world, `${name}-${n}`);
    await clock.sleep(PROOF_MS);
    seen.push(...(await watch.end()).leaks);
  }
  const missing = missingKinds(seen);
  must(missing.length === 0, `without an exit node the capture sees every kind of traffic but ${missing}`);
}

const NEEDS = ['curl', 'nft', 'tcpdump'];

export const exitNodeLeak: Scenario = {
  name: 'exit-node-leak',
  what: 'over a hundred faults not one packet leaves outside the tunnel while an exit node is set',
  needs: NEEDS,
  isSlow: true,
  run: run(5, faults),
};

export const exitNodeLeakBrief: Scenario = {
  name: 'exit-node-leak-brief',
  what: 'the same for ten faults of the kinds that opened the way in other programs',
  needs: NEEDS,
  run: run(
    1,
    faults.filter(({ isBrief }) => isBrief === true),
  ),
};
