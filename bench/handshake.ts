/** Handshakes per second of our WireGuard code: the bare core, and through two whole portable engines on one processor. */
import { generatePrivate, importPrivate } from '#shared/crypto/x25519.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { createPortableEngine } from '../src-daemon/engine/portable.ts';
import { Tunnel } from '../src-daemon/engine/tunnel.ts';
import type { MemoryTun, PacketEngine, SocketFactory } from '../src-daemon/engine/types.ts';
import { WireGuardCore } from '../src-daemon/wireguard/core.ts';
import type { CoreEffect } from '../src-daemon/wireguard/core-types.ts';
import type { Benchmark, Measured } from './benchmark.ts';

const WARM_UP = 200;
const ROUNDS = 3_000;
/** They call at once; an engine takes a burst of 256 before its cap of 500 a second (data-plane.md §1.8) sets in. */
const ENGINE_PEERS = 200;
const ENGINE_LIMIT_MS = 30_000;

export const handshake: Benchmark = {
  name: 'handshake',
  what: 'WireGuard handshakes per second: initiation, response and both sides’ keys',
  run: async (signal): Promise<Measured> => {
    const core = coreHandshakes();
    const enginesPerS = await engineHandshakes(signal);
    return { figures: { ...core, enginesHandshakesPerS: enginesPerS } };
  },
};

const clock = systemClock();
const SOURCE = { from: { ip: '192.0.2.1', port: 1 }, peer: 1 };

/** Both sides by hand, so that each one's share is known. */
function coreHandshakes(): Record<string, number> {
  const [ownKey, farKey] = [generatePrivate(), generatePrivate()];
  const own = new WireGuardCore({ privateKey: ownKey, random: () => 0 });
  const far = new WireGuardCore({ privateKey: farKey, random: () => 0 });
  // Handshakes of one peer must be five seconds apart: the time handed in jumps, nobody waits.
  let step = 0;
  const at = () => ({ nowMs: 1_000 + step * 200_000, wallMs: 1_700_000_000_000 + step * 200_000 });
  own.setPeers([{ peer: 1, publicKey: far.publicKey }], at());
  far.setPeers([{ peer: 1, publicKey: own.publicKey }], at());
  let initiatorMs = 0;
  let responderMs = 0;
  for (; step < WARM_UP + ROUNDS; step++) {
    const begun = clock.monotonic();
    const initiation = sent(own.need(1, false, at()));
    const called = clock.monotonic();
    const response = sent(far.receive(initiation, SOURCE, at()));
    const answered = clock.monotonic();
    own.receive(response, SOURCE, at());
    const done = clock.monotonic();
    if (step < WARM_UP) continue;
    initiatorMs += called - begun + (done - answered);
    responderMs += answered - called;
  }
  return {
    handshakesPerS: perSecond(ROUNDS, initiatorMs + responderMs),
    initiatorHandshakesPerS: perSecond(ROUNDS, initiatorMs),
    responderHandshakesPerS: perSecond(ROUNDS, responderMs),
  };
}

function sent(effects: readonly CoreEffect[]): Uint8Array {
  const send = effects.find((effect) => effect.do === 'send');
  if (send?.do !== 'send') throw new Error('the core sent nothing: the benchmark measures a refusal');
  return send.data;
}

/** One engine calls as many peers, which all live in the other; every message passes mac1, tables and records. */
async function engineHandshakes(signal: AbortSignal): Promise<number> {
  const wire = loop();
  const keys = Array.from({ length: ENGINE_PEERS }, () => generatePrivate());
  const hubKey = generatePrivate();
  const hub = await node({ key: hubKey, sockets: wire.at('192.0.2.1') });
  hub.tunnel.setPeers(
    keys.map((key, n) => ({
      peer: n + 1,
      publicKey: importPrivate(key).publicRaw,
      allowedIps: [],
      wireguardOnly: true,
    })),
  );
  const callers: Node[] = [];
  for (const [n, key] of keys.entries()) {
    const caller = await node({ key, sockets: wire.at(`198.18.${n >> 8}.${n & 255}`) });
    caller.tunnel.setPeers([
      { peer: 1, publicKey: importPrivate(hubKey).publicRaw, allowedIps: [], wireguardOnly: true },
    ]);
    caller.engine.apply([
      { op: 'path-set', peer: 1, path: { mode: 'direct', direct: { ip: '192.0.2.1', port: PORT } } },
    ]);
    callers.push(caller);
  }
  try {
    const begun = clock.monotonic();
    // A keepalive without a key asks for a handshake.
    for (const { engine } of callers) engine.apply([{ op: 'send-keepalive', peer: 1 }]);
    const isDone = (): boolean =>
      callers.every(({ tunnel }) => tunnel.peerStatus(1)?.state === 'established');
    while (!isDone()) {
      signal.throwIfAborted();
      if (clock.monotonic() - begun > ENGINE_LIMIT_MS) throw new Error('not all handshakes ended in time');
      await clock.sleep(1, signal);
    }
    return perSecond(ENGINE_PEERS, clock.monotonic() - begun);
  } finally {
    for (const one of [hub, ...callers]) {
      one.tunnel.close();
      await one.engine.destroy();
    }
  }
}

const PORT = 51_820;

interface Node {
  readonly engine: PacketEngine;
  readonly tunnel: Tunnel;
}

async function node(options: {
  readonly key: ReturnType<typeof generatePrivate>;
  readonly sockets: SocketFactory;
}): Promise<Node> {
  const engine = createPortableEngine({ clock, random: () => 0.5, log: silent });
  const tunnel = new Tunnel({
    engine,
    privateKey: options.key,
    clock,
    random: () => 0.5,
    log: silent,
    onRecord: () => undefined,
  });
  const tun: MemoryTun = { receive: () => undefined, send: undefined };
  await engine.start({
    tun: { kind: 'memory', tun },
    mtu: 1_280,
    port: PORT,
    sockets: options.sockets,
    // What is measured is the cost of handshakes; asking for cookies would time the retransmission.
    underLoadHandshakes: Number.POSITIVE_INFINITY,
  });
  return { engine, tunnel };
}

/** A network of IPv4 addresses without delay: a datagram arrives in the next microtask. */
function loop(): { at(ip: string): SocketFactory } {
  const hosts = new Map<string, (from: { ip: string; port: number }, data: Uint8Array) => void>();
  return {
    at: (ip) => ({
      open: ({ family, receive }) => {
        if (family === 6) return Promise.reject(new Error('there is no IPv6 here'));
        hosts.set(ip, receive);
        return Promise.resolve({
          port: PORT,
          send: (to, data) => queueMicrotask(() => hosts.get(to.ip)?.({ ip, port: PORT }, data)),
          close: () => Promise.resolve(),
        });
      },
    }),
  };
}

const perSecond = (count: number, ms: number): number => Math.round((count * 1_000) / ms);
