/** The daemon's own page: on this machine by a link that works once, and for the network where that is wanted (desktop.md §10). */
import type { Clock } from '#shared/async/clock.ts';
import { type CallName, calls, LOCAL_CALLS } from '#shared/bridge/contract.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import type { OpenProbes } from '#shared/probing/probes.ts';
import type { Rights } from '#shared/ui-state/types.ts';
import { VERSION } from '#shared/version.ts';
import { isLoopbackHost } from './admission.ts';
import { readPage, type StaticFile } from './files.ts';
import type { HostFacts } from './frames.ts';
import { Room } from './room.ts';
import { PageServer, type PageServerOptions } from './server.ts';
import type { Guest } from './socket.ts';
import { type Ends, isOf, type OwnerOf } from './socket-owner.ts';
import { Visits } from './visits.ts';

/** The network as the page sees it. */
export interface PeerWorld {
  /** Who has that address, and what he may do now; undefined = nobody of the network. */
  readonly who: (ip: string) =>
    | {
        readonly name: string;
        readonly rights: Rights;
        /** Of another network: this device was shared with him, and nothing else. */
        readonly isOutsider: boolean;
      }
    | undefined;
  /** Names of this device, without final dots, in lower case. */
  readonly names: () => readonly string[];
}

/** Whom a link is for. */
export interface LinkFor {
  readonly uid: number | undefined;
  readonly canWrite: boolean;
  /** Also when another operator is named. */
  readonly isAdmin: boolean;
}

export interface WebUiOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly socketPath: string;
  /** Where the built page is. */
  readonly folder: string;
  readonly openProbes: OpenProbes;
  readonly peers: PeerWorld;
  readonly ownerOf: OwnerOf;
}

const LOOPBACK = '127.0.0.1';
/** Where official clients expect a device's page. */
export const WEB_CLIENT_PORT = 5_252;
/** An address may be a moment late on the interface. */
const RETRY_MS = 5_000;

/** Of one peer: some pages, and their files. */
const MAX_PER_PEER = 32;
const NOT_FROM_AFAR: ReadonlySet<CallName> = new Set(LOCAL_CALLS);
/** All else is about the network, which is none of theirs. */
const FOR_OUTSIDERS: readonly string[] = ['state.get', 'gui.get', 'gui.edit'] satisfies CallName[];
const NOT_FOR_OUTSIDERS: ReadonlySet<CallName> = new Set(
  (Object.keys(calls) as CallName[]).filter((name) => !FOR_OUTSIDERS.includes(name)),
);

const HOST: HostFacts = { can: [], platform: process.platform, version: VERSION };

export class WebUi implements AsyncDisposable {
  readonly #options: WebUiOptions;
  readonly #room: Room;
  readonly #visits: Visits;
  #files: ReadonlyMap<string, StaticFile> | undefined;
  #loopback: { readonly server: PageServer; readonly port: number } | undefined;
  #wanted: readonly string[] = [];
  readonly #listeners = new Map<string, PageServer>();
  #cancelRetry: (() => void) | undefined;
  /** One change at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: WebUiOptions) {
    this.#options = options;
    this.#room = new Room(options);
    this.#visits = new Visits(options.clock);
  }

  /** A link for one visit, on this machine. What it lets do is what its owner may do on the local API. */
  link(visitor: LinkFor): Promise<string> {
    return this.#inTurn(async () => {
      const { port } = await this.#onLoopback();
      const token = this.#visits.invite({
        name: visitor.uid === undefined ? 'unknown' : `uid ${visitor.uid}`,
        uid: visitor.uid,
        rights: visitor.canWrite ? 'manage' : 'readonly',
        isAdmin: visitor.isAdmin,
      });
      return `http://${LOOPBACK}:${port}/#t=${token}`;
    });
  }

  /** Another operator was named. */
  operatorChanged(): void {
    this.#visits.operatorChanged();
  }

  /** Serves the network at these addresses of this device and at no others. */
  offer(addresses: readonly string[]): Promise<void> {
    return this.#inTurn(() => this.#listenOn(addresses));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.offer([]);
    await this.#loopback?.server[Symbol.asyncDispose]();
    this.#loopback = undefined;
    await this.#room[Symbol.asyncDispose]();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined); // whoever asked is told
    return result;
  }

  async #onLoopback(): Promise<{ readonly server: PageServer; readonly port: number }> {
    if (this.#loopback !== undefined) return this.#loopback;
    const server = new PageServer({
      ...this.#common(),
      isOwnHost: isLoopbackHost,
      // Whoever is on this machine may load the page; without a link it shows nothing.
      mayLook: () => true,
      admit: ({ token, key }, ends) => this.#admitVisitor(token, key, ends),
    });
    const port = await server.listen(LOOPBACK, 0);
    this.#options.log('info', 'webui.listening', { port });
    this.#loopback = { server, port };
    return this.#loopback;
  }

  #common(): Pick<PageServerOptions, 'files' | 'clock' | 'host' | 'serve'> {
    this.#files ??= readPage(this.#options.folder);
    if (this.#files === undefined)
      throw new RhumbError('unavailable', 'the page was not built: run `npm run setup` in the checkout');
    return {
      files: this.#files,
      clock: this.#options.clock,
      host: HOST,
      serve: (caller) => this.#room.serve(caller),
    };
  }

  /** A key that still holds wins: a page that was loaded again has both. */
  #admitVisitor(token: string | undefined, key: string | undefined, ends: Ends): Guest | undefined {
    const isHis = (secret: string | undefined): secret is string => {
      const holder = secret === undefined ? undefined : this.#visits.holder(secret);
      if (holder === undefined) return false;
      // All users of the machine may look, and links to look are made for others.
      return holder.rights !== 'manage' || isOf(holder.uid, this.#options.ownerOf(ends));
    };
    const fresh = isHis(token) ? this.#visits.redeem(token) : undefined;
    const held = fresh ?? (isHis(key) ? key : undefined);
    const entered = held === undefined ? undefined : this.#visits.enter(held);
    if (held === undefined || entered === undefined) return undefined;
    const { visitor, rights, leave } = entered;
    return { id: visitor.name, rights, sees: 'network', key: held, leave };
  }

  async #listenOn(addresses: readonly string[]): Promise<void> {
    this.#wanted = addresses;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    for (const [ip, server] of this.#listeners)
      if (!addresses.includes(ip)) {
        this.#listeners.delete(ip);
        await server[Symbol.asyncDispose]();
      }
    for (const ip of addresses) if (!this.#listeners.has(ip)) await this.#listen(ip);
    if (this.#listeners.size < addresses.length)
      this.#cancelRetry = this.#options.clock.after(RETRY_MS, () => this.#tryAgain());
  }

  #tryAgain(): void {
    this.offer(this.#wanted).catch((error: unknown) =>
      this.#options.log('warn', 'webui.not-offered', { error: toRhumbError(error).message }),
    );
  }

  async #listen(ip: string): Promise<void> {
    const { log, peers } = this.#options;
    try {
      const server = new PageServer({
        ...this.#common(),
        isOwnHost: (host) => this.#wanted.includes(host) || peers.names().includes(host),
        maxPerAddress: MAX_PER_PEER,
        mayLook: (from) => peers.who(from) !== undefined,
        admit: (_hello, { ip: from }) => this.#admitPeer(from),
      });
      await server.listen(ip, WEB_CLIENT_PORT);
      this.#listeners.set(ip, server);
      log('info', 'webui.offered', { ip, port: WEB_CLIENT_PORT });
    } catch (error) {
      log('warn', 'webui.not-offered', { ip, error: toRhumbError(error).message });
    }
  }

  /** Rights are asked for anew at each call: a grant may be taken back, or an address given to another, while the page is open. */
  #admitPeer(from: string): Guest | undefined {
    const { peers } = this.#options;
    const found = peers.who(from);
    if (found === undefined) return undefined;
    const { name, isOutsider } = found;
    const rights = (): Rights | undefined => {
      const now = peers.who(from);
      return now?.name === name && now.isOutsider === isOutsider ? now.rights : undefined;
    };
    const limits = isOutsider
      ? ({ sees: 'device', refuses: NOT_FOR_OUTSIDERS } as const)
      : ({ sees: 'network', refuses: NOT_FROM_AFAR } as const);
    return { id: name, rights, ...limits, key: '', leave: () => undefined };
  }
}
