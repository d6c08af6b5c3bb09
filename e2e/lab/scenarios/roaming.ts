/** A machine changes its address while traffic runs in both directions: the traffic goes on. */
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { must } from '../wait.ts';

/** design.md §6 and nat-traversal.md §7.5, case 27: recovered within 3 s of the link's change. */
const RECOVER_MS = 3_000;

async function run(lab: Lab): Promise<Record<string, number>> {
  const { machines, lan, control } = await privateNetwork(lab, 'alpha', 'beta');
  const [alpha, beta] = machines;
  must(alpha !== undefined && beta !== undefined, 'alpha and beta are there');
  await reachEachOther(alpha, beta);
  await using out = traffic(beta.host, (await alpha.addresses())[0]);
  await using back = traffic(alpha.host, (await beta.addresses())[1]);
  await Promise.all([out.more(5), back.more(5)]);

  await beta.host.readdress({ v4: `${lan.v4}.201`, v6: `${lan.v6}:201` });
  await Promise.all([out.more(10), back.more(10)]);
  const gapMs = Math.max(out.longestGapMs(), back.longestGapMs());
  must(gapMs < RECOVER_MS, `traffic stopped for ${gapMs} ms at the change of address`);
  await alpha.peer('beta', (peer) => /\.201:|:201]/.test(peer.CurAddr));

  // The link goes away and comes back: both ends recover, and the server is told.
  await beta.host.linkDown();
  must(
    (await alpha.host.ping((await beta.addresses())[0], { waitMs: 300 })).received === 0,
    'the link is down',
  );
  await beta.host.linkUp();
  await Promise.all([out.more(10), back.more(10)]);
  await alpha.peer('beta', (peer) => peer.Online, 30_000);
  must((await control.nodes()).length === 2, 'no machine was lost or doubled');
  return { gapMs, gapLinkDownMs: Math.max(out.longestGapMs(), back.longestGapMs()) };
}

export const roaming: Scenario = {
  name: 'roaming',
  what: 'a machine changes its address, loses and regains its link, and traffic goes on',
  needs: ['curl'],
  run,
};
