/** Our engine and Debian's wireguard-go: traffic both ways, both roles, a preshared key, a new handshake from each side. */
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { must, until } from '../wait.ts';
import { startWgPeer } from '../wg-peer.ts';
import { exchange, makePair, startPair, THEIRS } from '../wireguard-pair.ts';

async function run(lab: Lab): Promise<Record<string, number>> {
  const plain = await makePair(lab, { name: 'plain', initiator: 'ours', withPresharedKey: false });
  const running = await startPair(plain);
  await exchange(plain, 'ours');

  const secret = await makePair(lab, { name: 'secret', initiator: 'theirs', withPresharedKey: true });
  const { them } = await startPair(secret);
  await exchange(secret, 'theirs');
  const state = await them.state(secret.ourKeys.publicKey);
  must(state.rxBytes > 20_000 && state.txBytes > 20_000, `bytes went both ways: ${JSON.stringify(state)}`);

  // They forget the session: their new handshake replaces ours while traffic runs towards them.
  await using steady = traffic(plain.theirs, '10.0.0.1');
  await steady.more(5);
  await running.them.setPeers([]);
  const withEndpoint = plain.theirOptions.peers.map((peer) => ({
    ...peer,
    endpoint: `${plain.ours.v4}:51820`,
  }));
  await running.them.setPeers(withEndpoint);
  await steady.more(10);

  // We forget it: our program starts anew with the same keys, and its first packet makes a new session.
  const before = (await running.them.state(plain.ourKeys.publicKey)).latestHandshake;
  await running.us.process.kill();
  const again = await startWgPeer(plain.ours, plain.ourOptions);
  must(
    (await plain.ours.ping(THEIRS[0], { waitMs: 6_000 })).received === 1,
    'our first packet after a restart arrives',
  );
  await exchange(plain, 'ours');
  await until('their handshake to be newer', async () => {
    return (await running.them.state(plain.ourKeys.publicKey)).latestHandshake >= before;
  });
  await again.process.stop();
  const { stdout } = await plain.ours.exec(['ip', '-o', 'link']);
  must(!stdout.includes('rhumb0'), `our interface is gone after SIGTERM: ${stdout}`);
  return { longestGapMs: steady.longestGapMs() };
}

export const wireguardGo: Scenario = {
  name: 'wireguard-go',
  what: 'our engine and wireguard-go exchange traffic both ways, in both roles, with a preshared key, after new handshakes',
  needs: ['wg', 'wireguard-go'],
  run,
};
