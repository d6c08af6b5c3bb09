/** The true two minutes: each side renews its keys by the clock while traffic runs, and not a packet is lost. */
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { must, until } from '../wait.ts';
import { exchange, makePair, OURS, startPair, THEIRS } from '../wireguard-pair.ts';

/** WireGuard paper §6.1: keys are renewed after 120 s by who initiated; 165 s is the responder's last resort. */
const REKEYS = 2;
const REKEY_MS = 130_000;
const GAP_MS = 1_000;

async function run(lab: Lab): Promise<Record<string, number>> {
  const figures: Record<string, number> = {};
  const pairs = [
    {
      initiator: 'ours',
      pair: await makePair(lab, { name: 'mine', initiator: 'ours', withPresharedKey: true }),
    },
    {
      initiator: 'theirs',
      pair: await makePair(lab, { name: 'yours', initiator: 'theirs', withPresharedKey: false }),
    },
  ] as const;
  await Promise.all(
    pairs.map(async ({ pair, initiator }) => {
      const { them } = await startPair(pair);
      await exchange(pair, initiator);
      await using out = traffic(pair.ours, THEIRS[0]);
      await using back = traffic(pair.theirs, OURS[1]);
      for (let n = 0; n < REKEYS; n += 1) {
        const { latestHandshake } = await them.state(pair.ourKeys.publicKey);
        await until(
          `key renewal ${n + 1} by ${initiator}`,
          async () => (await them.state(pair.ourKeys.publicKey)).latestHandshake > latestHandshake,
          { timeoutMs: REKEY_MS, everyMs: 1_000 },
        );
      }
      await Promise.all([out.more(20), back.more(20)]);
      const gapMs = Math.max(out.longestGapMs(), back.longestGapMs());
      must(gapMs < GAP_MS, `traffic stopped for ${gapMs} ms while ${initiator} renewed the keys`);
      figures[`${initiator}GapMs`] = gapMs;
    }),
  );
  return figures;
}

export const wireguardGoRekey: Scenario = {
  name: 'wireguard-go-rekey',
  what: 'keys are renewed every two minutes, by us and by wireguard-go, and traffic does not notice',
  needs: ['wg', 'wireguard-go'],
  isSlow: true,
  run,
};
