/** The true two minutes: each side renews its keys by the clock while traffic runs, and not a byte is lost or wrong. */
import { openCheckedStream } from '../checked-stream.ts';
import type { Lab } from '../lab.ts';
import type { RunOptions, Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { must, until } from '../wait.ts';
import { exchange, makePair, OURS, type Pair, startPair, THEIRS } from '../wireguard-pair.ts';

/** WireGuard paper §6.1: keys are renewed after 120 s by who initiated; 165 s is the responder's last resort. */
const REKEYS = 2;
const REKEY_MS = 130_000;
const GAP_MS = 1_000;
/** Of pings beside transfers that take all there is. */
const LOADED_GAP_MS = 5_000;
/** Each way, unless a person asks for more: `npm run lab -- wireguard-go-rekey 10`. */
const GIGABYTES = 0.2;
/** So that a transfer lasts for all renewals; more than that, and there is no pause. */
const STREAM_SECONDS = REKEYS * 125;
const STREAM_TIMEOUT_MS = 3_600_000;

/** Every byte is compared, and no connection is reset. */
async function transfer({ ours, theirs }: Pair, gigabytes: number): Promise<number> {
  const bytes = gigabytes * 1e9;
  const rate = bytes / STREAM_SECONDS;
  const streams = await Promise.all([
    openCheckedStream({ from: ours, to: theirs, address: THEIRS[0], bytes, rate }),
    openCheckedStream({ from: theirs, to: ours, address: OURS[1], bytes, rate }),
  ]);
  const ends = await Promise.all(streams.map((stream) => stream.end(STREAM_TIMEOUT_MS)));
  for (const end of ends) {
    must(end.bytes === bytes, `${end.bytes} of ${bytes} bytes came`);
    must(end.wrong === 0, `${end.wrong} pieces were not what was sent`);
  }
  return Math.max(...ends.map(({ seconds }) => seconds));
}

async function run(lab: Lab, { args }: RunOptions): Promise<Record<string, number>> {
  const gigabytes = Number(args[0] ?? GIGABYTES);
  const mayWaitMs = args[0] === undefined ? GAP_MS : LOADED_GAP_MS;
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
      const transferred = transfer(pair, gigabytes);
      // It is looked at below; a failure before that must not be nobody's.
      transferred.catch(() => undefined);
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
      figures[`${initiator}Seconds`] = await transferred;
      await Promise.all([out.more(20), back.more(20)]);
      const gapMs = Math.max(out.longestGapMs(), back.longestGapMs());
      must(gapMs < mayWaitMs, `traffic stopped for ${gapMs} ms while ${initiator} renewed the keys`);
      figures[`${initiator}GapMs`] = gapMs;
    }),
  );
  figures['gigabytes'] = 2 * pairs.length * gigabytes;
  return figures;
}

export const wireguardGoRekey: Scenario = {
  name: 'wireguard-go-rekey',
  what: 'keys are renewed every two minutes, by us and by wireguard-go, and no byte of a transfer is wrong',
  needs: ['wg', 'wireguard-go'],
  isSlow: true,
  run,
};
