/** The coordination server and a daemon are killed: traffic goes on, state is whole, the cached map is enough to start. */
import { bothAddresses, type Daemon } from '../daemon.ts';
import type { Lab } from '../lab.ts';
import { privateNetwork, reachEachOther } from '../network.ts';
import type { Scenario } from '../scenario.ts';
import { traffic } from '../traffic.ts';
import { clock, must } from '../wait.ts';

/** A killed daemon restarts in a few seconds; nobody else's traffic may notice a dead server at all. */
const SILENCE_MS = 1_000;
/** WireGuard by itself would take up to 15 s to notice that the other end lost its session. */
const SESSION_MS = 5_000;

async function run(lab: Lab): Promise<Record<string, number>> {
  const { machines, control, add } = await privateNetwork(lab, 'alpha', 'beta', 'gamma');
  const [alpha, beta, gamma] = machines;
  must(alpha !== undefined && beta !== undefined && gamma !== undefined, 'three machines are there');
  await reachEachOther(alpha, beta);
  await using steady = traffic(alpha.host, (await beta.addresses())[0]);
  await steady.more(3);
  const before = await identities(alpha, beta, gamma);

  // Server away: what flows keeps flowing, and pairs that never spoke find each other from the map they have.
  await control.process.kill();
  await steady.more(20);
  await reachEachOther(gamma, beta);
  must(
    steady.longestGapMs() < SILENCE_MS,
    `traffic stopped for ${steady.longestGapMs()} ms without the server`,
  );
  const gapServerDownMs = steady.longestGapMs();

  // A daemon killed and started while the server is away comes back from its disk alone.
  await gamma.process.kill();
  const cleaned = await gamma.tryDaemon(['--cleanup']);
  must(cleaned.code === 0, `rhumbd --cleanup after a kill: ${cleaned.stderr}`);
  const { stdout: left } = await gamma.host.exec(['ip', '-o', 'address']);
  must(!left.includes('rhumb0') && !left.includes('100.64.'), `left after a kill and a clean-up: ${left}`);
  const began = clock.monotonic();
  await gamma.run();
  await reachEachOther(gamma, alpha);
  const daemonBackMs = clock.monotonic() - began;

  // The server comes back with everything it had acknowledged, and everybody finds it.
  await control.serve();
  for (const machine of [alpha, beta, gamma]) {
    const others = ['alpha', 'beta', 'gamma'].filter((name) => name !== machine.host.name);
    for (const name of others) await machine.peer(name, (peer) => peer.Online, 45_000);
  }
  must(same(before, await identities(alpha, beta, gamma)), 'addresses and keys are those from before');
  must((await control.nodes()).length === 3, 'the server knows the same three machines');
  const backMs = clock.monotonic();
  const delta = await add('delta');
  await reachEachOther(delta, alpha);
  const joinAfterMs = clock.monotonic() - backMs;

  // Both at once, as in a power cut.
  await Promise.all([control.process.kill(), beta.process.kill()]);
  await control.serve();
  await beta.run();
  await beta.running();
  // What alpha sends with the session that beta lost can reach nobody until beta has made a new one.
  const secondBackMs = clock.monotonic();
  await steady.more(1, SESSION_MS);
  const sessionBackMs = clock.monotonic() - secondBackMs;
  await reachEachOther(alpha, beta);
  await steady.more(3);
  must(same(before, await identities(alpha, beta, gamma)), 'addresses and keys survive the second time too');
  return { gapServerDownMs, daemonBackMs, joinAfterMs, sessionBackMs };
}

async function identities(...machines: readonly Daemon[]): Promise<string[]> {
  const found: string[] = [];
  for (const machine of machines) {
    const { Self } = await machine.status();
    must(Self !== undefined && Self !== null, `${machine.host.name} knows itself`);
    found.push(`${machine.host.name} ${Self.PublicKey} ${bothAddresses(Self).join(' ')}`);
  }
  return found;
}

const same = (a: readonly string[], b: readonly string[]): boolean => a.join('\n') === b.join('\n');

export const controlRestart: Scenario = {
  name: 'control-restart',
  what: 'traffic goes on without the coordination server; state is whole after kill -9 of server and daemon',
  needs: ['curl'],
  run,
};
