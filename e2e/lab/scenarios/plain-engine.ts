/** The native engine one packet at a time, as it runs where there are no offloads, with itself as it runs here. */
import { join } from 'node:path';
import { loadEngine } from '../../../src-daemon/ffi/engine.ts';
import type { Host } from '../host.ts';
import type { Lab } from '../lab.ts';
import type { Scenario } from '../scenario.ts';
import { must } from '../wait.ts';
import { startWgPeer } from '../wg-peer.ts';
import { exchange, makePair, OURS, THEIRS } from '../wireguard-pair.ts';

const PROGRAM = join(import.meta.dirname, '../programs/tcp-bulk.ts');
const PORT = 5_301;
const BYTES = 64 << 20;
const GIVE_UP_MS = 60_000;

async function run(lab: Lab): Promise<Record<string, number>> {
  const pair = await makePair(lab, { name: 'mixed', initiator: 'ours', withPresharedKey: false });
  const plain = await startWgPeer(pair.ours, pair.ourOptions, { RHUMB_ENGINE: 'plain' });
  await startWgPeer(pair.theirs, pair.theirOptions, { RHUMB_ENGINE: 'native' });
  await exchange(pair, 'ours');
  const figures = {
    outMs: await transfer(pair.ours, pair.theirs, THEIRS[0]),
    backMs: await transfer(pair.theirs, pair.ours, OURS[1]),
  };
  await plain.process.stop();
  const { stdout } = await pair.ours.exec(['ip', '-o', 'link']);
  must(!stdout.includes('rhumb0'), `the interface is gone with the engine: ${stdout}`);
  return figures;
}

/** How long it took, ms. */
async function transfer(from: Host, to: Host, address: string): Promise<number> {
  const server = to.spawn({ name: 'tcp-bulk', argv: [process.execPath, PROGRAM, 'serve', `${PORT}`] });
  await server.says(/^ready$/m);
  const began = performance.now();
  const { stdout } = await from.exec([process.execPath, PROGRAM, 'to', address, `${PORT}`, `${BYTES}`], {
    timeoutMs: GIVE_UP_MS,
  });
  const tookMs = performance.now() - began;
  must(stdout === 'same\n', `${to.name} got what ${from.name} sent: ${stdout}`);
  await server.kill();
  return tookMs;
}

export const plainEngine: Scenario = {
  name: 'plain-engine',
  what: 'the native engine without offloads exchanges pings and checked bulk data with one that has them',
  needs: ['wg'],
  whyNot: () => {
    const engine = loadEngine();
    return engine.ok ? undefined : engine.why;
  },
  run,
};
