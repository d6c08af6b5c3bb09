/** One simulated machine of the scale benchmark: the real protocol, and of its map only what the measurement asks for. */
import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { zstdDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { generatePrivate, importPrivate, publicOf, type X25519Private } from '#shared/crypto/x25519.ts';
import { RhumbError } from '#shared/errors.ts';
import { discoKeyFrom, type MachineKey, type NodeKey, nodeKeyFrom } from '#shared/key/key.ts';
import { dialTs2021, type Ts2021Session } from '#shared/node/ts2021-client.ts';
import { CAPABILITY_VERSION } from '#shared/wire/capability.ts';
import { clock } from '../e2e/lab/wait.ts';
import { MapFrameReader } from '../src-daemon/control/map-frames.ts';

export interface MachinePlan {
  readonly hostname: string;
  readonly authKey: string;
  /** Subnets that it announces. */
  readonly routes: readonly string[];
}

/** What a machine's map should come to say. */
export type Wanted =
  | { readonly kind: 'peers'; readonly count: number }
  | { readonly kind: 'online'; readonly peer: number; readonly isOnline: boolean }
  | { readonly kind: 'route'; readonly peer: number; readonly prefix: string }
  | { readonly kind: 'filter'; readonly text: string; readonly has: boolean };

/** The members of a map message that are looked at; the rest is counted only. */
const peer = z.object({
  ID: z.number(),
  Online: z.boolean().optional(),
  AllowedIPs: z.array(z.string()).nullish(),
});
const message = z.object({
  Node: z.object({ ID: z.number() }).optional(),
  PingRequest: z.object({ URL: z.string(), URLIsNoise: z.boolean().optional() }).nullish(),
  Peers: z.array(peer).nullish(),
  PeersChanged: z.array(peer).nullish(),
  PeersRemoved: z.array(z.number()).nullish(),
  PeersChangedPatch: z.array(z.object({ NodeID: z.number(), Online: z.boolean().nullish() })).nullish(),
  OnlineChange: z.record(z.string(), z.boolean()).nullish(),
  PacketFilter: z.unknown().optional(),
  PacketFilters: z.unknown().optional(),
});
const registered = z.object({ Error: z.string().optional(), MachineAuthorized: z.boolean().optional() });

const PATIENCE_MS = 240_000;

export class Machine {
  readonly #plan: MachinePlan;
  readonly #server: URL;
  readonly #controlKey: MachineKey;
  readonly #machineKey: X25519Private = importPrivate(generatePrivate());
  readonly #nodeKey: NodeKey = nodeKeyFrom(publicOf(generatePrivate()));
  readonly #discoKey = discoKeyFrom(publicOf(generatePrivate()));
  #channel: Ts2021Session | undefined;
  #peers = new Map<number, boolean>();
  #routes = new Map<number, readonly string[]>();
  #filter = '';
  #onMessage: (() => void) | undefined;
  /** Its id on the server; 0 before the first message. */
  id = 0;
  received = { messages: 0, bytes: 0 };

  constructor(server: URL, controlKey: MachineKey, plan: MachinePlan) {
    this.#server = server;
    this.#controlKey = controlKey;
    this.#plan = plan;
  }

  get isUp(): boolean {
    return this.#channel !== undefined;
  }

  sees(peerId: number): boolean {
    return this.#peers.has(peerId);
  }

  /** Joins the network; resolves when the server has let it in. */
  async register(): Promise<void> {
    const body = { ...this.#body(), Auth: { AuthKey: this.#plan.authKey }, Ephemeral: false };
    const { status, text } = await this.#post('/machine/register', body);
    const answer = status === 200 ? registered.parse(JSON.parse(text)) : { Error: `${status} ${text}` };
    if (answer.Error !== undefined && answer.Error !== '')
      throw new RhumbError('not-allowed', `${this.#plan.hostname} was refused: ${answer.Error}`);
  }

  /** Begins the map stream; the result is when it was asked for. */
  async follow(): Promise<number> {
    const channel = await this.#open();
    const stream = channel.session.request(
      { ':method': 'POST', ':path': '/machine/map' },
      { endStream: false },
    );
    stream.on('error', () => undefined);
    this.#peers = new Map();
    this.#routes = new Map();
    const reader = new MapFrameReader();
    stream.on('data', (chunk: Buffer) => {
      for (const payload of reader.feed(chunk)) this.#take(payload);
    });
    const began = clock.monotonic();
    stream.end(
      JSON.stringify({
        ...this.#body(),
        Stream: true,
        Compress: 'zstd',
        KeepAlive: true,
        DiscoKey: this.#discoKey,
        Endpoints: ['192.0.2.7:41641', '203.0.113.7:41641'],
        EndpointTypes: [1, 2],
      }),
    );
    return began;
  }

  /** Goes away without a word. */
  async leave(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.[Symbol.asyncDispose]();
  }

  holds(wanted: Wanted): boolean {
    switch (wanted.kind) {
      case 'peers':
        return this.#peers.size === wanted.count;
      case 'online':
        return this.#peers.get(wanted.peer) === wanted.isOnline;
      case 'route':
        return this.#routes.get(wanted.peer)?.includes(wanted.prefix) === true;
      case 'filter':
        return this.#filter.includes(wanted.text) === wanted.has;
      default:
        return wanted satisfies never;
    }
  }

  /** Resolves with the moment at which the map came to say it. */
  until(wanted: Wanted): Promise<number> {
    if (this.holds(wanted)) return Promise.resolve(clock.monotonic());
    return new Promise((resolve, reject) => {
      const cancel = clock.after(PATIENCE_MS, () => {
        this.#onMessage = undefined;
        reject(new RhumbError('timeout', `${this.#plan.hostname}: ${this.#state(wanted)}`));
      });
      this.#onMessage = () => {
        if (!this.holds(wanted)) return;
        this.#onMessage = undefined;
        cancel();
        resolve(clock.monotonic());
      };
    });
  }

  #state(wanted: Wanted): string {
    return `waited for ${JSON.stringify(wanted)}; has ${this.#peers.size} peers after ${this.received.messages} messages`;
  }

  #body(): object {
    return {
      Version: CAPABILITY_VERSION,
      NodeKey: this.#nodeKey,
      Hostinfo: {
        OS: 'linux',
        OSVersion: '6.12',
        Hostname: this.#plan.hostname,
        BackendLogID: 'ab',
        IPNVersion: '1.90.0',
        RoutableIPs: this.#plan.routes,
        NetInfo: { PreferredDERP: 900, WorkingUDP: true, MappingVariesByDestIP: false },
      },
    };
  }

  async #open(): Promise<Ts2021Session> {
    this.#channel ??= await dialTs2021({
      serverUrl: this.#server,
      controlKey: this.#controlKey,
      machine: this.#machineKey,
      clock,
      signal: AbortSignal.timeout(PATIENCE_MS),
      timeoutMs: PATIENCE_MS,
    });
    return this.#channel;
  }

  async #post(path: string, body: object): Promise<{ status: number; text: string }> {
    const channel = await this.#open();
    const stream: ClientHttp2Stream = channel.session.request(
      { ':method': 'POST', ':path': path },
      { endStream: false },
    );
    const parts: Buffer[] = [];
    let status = 0;
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('data', (part: Buffer) => parts.push(part));
    const closed = once(stream, 'close');
    stream.end(JSON.stringify(body));
    await closed;
    return { status, text: Buffer.concat(parts).toString() };
  }

  #take(payload: Uint8Array): void {
    this.received = {
      messages: this.received.messages + 1,
      bytes: this.received.bytes + payload.length + 4,
    };
    const got = message.parse(JSON.parse(zstdDecompressSync(payload).toString()));
    if (got.Node !== undefined) this.id = got.Node.ID;
    if (got.PingRequest) this.#answer(got.PingRequest);
    for (const one of [...(got.Peers ?? []), ...(got.PeersChanged ?? [])]) this.#meet(one);
    for (const id of got.PeersRemoved ?? []) this.#peers.delete(id);
    for (const { NodeID, Online } of got.PeersChangedPatch ?? []) this.#setOnline(NodeID, Online);
    for (const [id, isOnline] of Object.entries(got.OnlineChange ?? {}))
      this.#setOnline(Number(id), isOnline);
    const filter = got.PacketFilters ?? got.PacketFilter;
    if (filter !== undefined && filter !== null) this.#filter = JSON.stringify(filter);
    this.#onMessage?.();
  }

  /** A router that does not answer loses its routes. */
  #answer({
    URL: text,
    URLIsNoise,
  }: {
    readonly URL: string;
    readonly URLIsNoise?: boolean | undefined;
  }): void {
    const url = new URL(text, this.#server);
    if (URLIsNoise !== true) {
      fetch(url, { method: 'HEAD' }).catch(() => undefined);
      return;
    }
    const headers = { ':method': 'HEAD', ':path': `${url.pathname}${url.search}` };
    this.#channel?.session
      .request(headers)
      .on('error', () => undefined)
      .resume();
  }

  #meet(one: z.infer<typeof peer>): void {
    this.#peers.set(one.ID, one.Online === true);
    // The two addresses of its own are of no interest.
    if ((one.AllowedIPs?.length ?? 0) > 2) this.#routes.set(one.ID, one.AllowedIPs ?? []);
    else this.#routes.delete(one.ID);
  }

  #setOnline(id: number, isOnline: boolean | null | undefined): void {
    if (this.#peers.has(id) && typeof isOnline === 'boolean') this.#peers.set(id, isOnline);
  }
}
