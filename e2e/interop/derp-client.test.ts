/** Our relay client on loopback against the official relay, and against ours in the same way. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { concat, copyOf, equal, utf8 } from '#shared/bytes/bytes.ts';
import { generatePrivate, publicOf } from '#shared/crypto/x25519.ts';
import { PeerGoneReason } from '#shared/derp/messages.ts';
import { DISCO_MAGIC } from '#shared/disco/envelope.ts';
import { type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import type { DerpMap } from '#shared/wire/map.ts';
import { DerpClients } from '../../src-daemon/derp/clients.ts';
import { ROOT } from '../lab/figures.ts';
import { until } from '../lab/wait.ts';
import { pathOf, whyNoInterop } from './programs.ts';

const REGION = 900;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A relay with a certificate of its own making, which it prints a pin for. */
class RelayProcess implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'rhumb-derp-'));
  readonly #argv: readonly string[];
  readonly port: number;
  #child: ChildProcess | undefined;
  pin = '';

  constructor(program: string, mode: string, port: number) {
    const places = ['--certdir', this.#folder, '-c', join(this.#folder, 'relay.key')];
    const quiet = ['--http-port', '-1', '--stun=false', '--hostname', '127.0.0.1', '--certmode', mode];
    this.#argv = [program, '-a', `127.0.0.1:${port}`, ...quiet, ...places];
    this.port = port;
  }

  async run(): Promise<void> {
    const [program = '', ...argv] = this.#argv;
    const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    let said = '';
    for (const out of [child.stdout, child.stderr])
      out.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    this.pin = await until('the relay to print its pin', () => /sha256-raw:[0-9a-f]{64}/.exec(said)?.[0]);
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  map(): DerpMap {
    const node = {
      Name: '900a',
      RegionID: REGION,
      HostName: '127.0.0.1',
      IPv6: 'none',
      DERPPort: this.port,
      CertName: this.pin,
    };
    const region = { RegionID: REGION, RegionCode: 'here', RegionName: 'Here', Nodes: [node] };
    return { Regions: { [REGION]: region } } as unknown as DerpMap;
  }
}

/** One machine's relay client and what it got. */
class Client implements AsyncDisposable {
  readonly got: { readonly from: NodeKey; readonly data: Uint8Array }[] = [];
  readonly gone: (readonly [NodeKey, number])[] = [];
  readonly clients: DerpClients;
  readonly key: NodeKey;

  constructor(map: DerpMap) {
    const privateKey = generatePrivate();
    this.key = nodeKeyFrom(publicOf(privateKey));
    this.clients = new DerpClients({
      clock: systemClock(),
      random: () => 0.5,
      log: silent,
      onPacket: (_, from, data) => this.got.push({ from, data: copyOf(data) }),
      onPeerGone: (_, key, reason) => this.gone.push([key, reason]),
      onState: () => undefined,
    });
    this.clients.setIdentity(privateKey);
    this.clients.setMap(map);
    this.clients.setHome(REGION);
  }

  async connected(): Promise<void> {
    await until('the relay client to connect', () => this.clients.regions()[0]?.state === 'connected');
  }

  /** Sends until it arrives once: the other side may not be there yet. */
  async say(to: Client, data: Uint8Array): Promise<void> {
    const before = to.got.length;
    await until('a packet to arrive', () => {
      if (to.got.length > before) return true;
      this.clients.send(REGION, to.key, data);
      return false;
    });
    const got = to.got[before];
    expect(got?.from).toBe(this.key);
    expect(got !== undefined && equal(got.data, data), 'the packet is as it was sent').toBe(true);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.clients[Symbol.asyncDispose]();
  }
}

const relays = [
  {
    name: 'the official relay',
    mode: 'manual',
    whyNot: () => whyNoInterop('derper'),
    path: () => pathOf('derper'),
  },
  { name: 'our relay', mode: 'self', whyNot: () => undefined, path: () => join(ROOT, 'bin/rhumb-relay') },
];

test.for(relays)('two relay clients reach each other through $name', async (program, { skip }) => {
  const reason = program.whyNot();
  if (reason !== undefined) skip(reason);
  await using relay = new RelayProcess(program.path(), program.mode, await freePort());
  await relay.run();
  await using a = new Client(relay.map());
  {
    await using b = new Client(relay.map());
    await Promise.all([a.connected(), b.connected()]);
    await a.say(b, utf8('hello'));
    await b.say(a, utf8('hello yourself'));
    await a.say(b, new Uint8Array(65_536).fill(7));
    expect(a.clients.routeFor(b.key, undefined)).toBe(REGION);
    await until('a round trip', () => (a.clients.regions()[0]?.latencyMs ?? 0) > 0);
  }
  // Who has sent to us and left is named, and the way back to them is forgotten.
  const left = await until('the relay to say who left', () => a.gone[0]);
  expect(left[1]).toBe(PeerGoneReason.Disconnected);
  expect(a.clients.routeFor(left[0], undefined)).toBeUndefined();
  // Who was never there is named when path discovery asks for them.
  const nobody = nodeKeyFrom(publicOf(generatePrivate()));
  a.clients.send(REGION, nobody, concat(DISCO_MAGIC, new Uint8Array(80)));
  const absent = await until('the relay to say who is not there', () => a.gone[1]);
  expect(absent).toEqual([nobody, PeerGoneReason.NotHere]);

  // Killed and started again with the same certificate: found again without being told.
  await relay.kill('SIGKILL');
  await until('the client to notice', () => a.clients.regions()[0]?.state !== 'connected');
  await relay.run();
  await using c = new Client(relay.map());
  await Promise.all([a.connected(), c.connected()]);
  await c.say(a, utf8('again'));
  expect(a.clients.counters().connectionsLost).toBe(1);
});
