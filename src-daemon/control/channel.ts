/** The daemon's one connection to its coordination server: dials when needed, forgets when broken. */
import type { ClientHttp2Session } from 'node:http2';
import type { Clock } from '#shared/async/clock.ts';
import { importPrivate, type X25519Private } from '#shared/crypto/x25519.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import type { MachineKey, PrivateKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import type { Connect } from '#shared/node/carried.ts';
import { fetchControlKey } from '#shared/node/control-key.ts';
import { dialTs2021, type Ts2021Session } from '#shared/node/ts2021-client.ts';

/** The network as tests replace it. */
export interface ControlNetwork {
  readonly fetchKey: typeof fetchControlKey;
  readonly dial: typeof dialTs2021;
  /** Where connections come from; the system's by default. */
  readonly connect?: Connect | undefined;
}

export interface ChannelOptions {
  readonly serverUrl: URL;
  readonly machineKey: PrivateKey;
  readonly clock: Clock;
  readonly log: Log;
  readonly network?: Partial<ControlNetwork> | undefined;
}

const KEY_TIMEOUT_MS = 10_000;
/** A channel that ended sooner than this may be the work of a box that breaks port 80: go to TLS (§3.2 step 3). */
const SHORT_LIVED_MS = 120_000;
/** A server that does not answer an HTTP/2 ping for so long is out of reach. */
const PING_TIMEOUT_MS = 5_000;

export class Channel implements AsyncDisposable {
  readonly #options: ChannelOptions;
  readonly #network: ControlNetwork;
  readonly #machine: X25519Private;
  readonly #stop = new AbortController();
  #key: MachineKey | undefined;
  #open: Ts2021Session | undefined;
  #dialing: Promise<Ts2021Session> | undefined;
  #dialedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#machine = importPrivate(options.machineKey);
    this.#network = { fetchKey: fetchControlKey, dial: dialTs2021, ...options.network };
  }

  /** The open session, or a new one; many callers share one dial. */
  async session(signal: AbortSignal): Promise<ClientHttp2Session> {
    signal.throwIfAborted();
    const open = this.#open;
    if (open !== undefined && !open.session.destroyed && !open.session.closed) return open.session;
    this.#dialing ??= this.#dial().finally(() => {
      this.#dialing = undefined;
    });
    return (await abortable(this.#dialing, signal)).session;
  }

  /** The server's key is fetched again before the next dial: it may have changed. */
  forgetKey(): void {
    this.#key = undefined;
  }

  /** Ends a session whose server no longer answers, for instance because the network changed under it. */
  probe(): void {
    const open = this.#open;
    if (open === undefined || open.session.destroyed) return;
    const cancel = this.#options.clock.after(PING_TIMEOUT_MS, () => {
      this.#options.log('info', 'control.unreachable');
      open.session.destroy(new RhumbError('unavailable', 'the control server does not answer any more'));
    });
    // A session that dies meanwhile reports an error here, and is forgotten all the same.
    open.session.ping(() => cancel());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new RhumbError('unavailable', 'the control client was closed'));
    await this.#dialing?.catch(() => undefined);
    await this.#open?.[Symbol.asyncDispose]();
  }

  async #dial(): Promise<Ts2021Session> {
    const { serverUrl, clock, log } = this.#options;
    const { connect } = this.#network;
    const signal = this.#stop.signal;
    signal.throwIfAborted();
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(KEY_TIMEOUT_MS)]);
      const controlKey = this.#key ?? (await this.#network.fetchKey(serverUrl, limit, connect));
      this.#key = controlKey;
      const preferTls = clock.monotonic() - this.#dialedAt < SHORT_LIVED_MS;
      const session = await this.#network.dial({
        serverUrl,
        controlKey,
        machine: this.#machine,
        clock,
        signal,
        preferTls,
        connect,
      });
      this.#dialedAt = clock.monotonic();
      this.#adopt(session);
      log('info', 'control.connected', { server: serverUrl.origin, via: session.via });
      return session;
    } catch (error) {
      // The key is the first suspect of a failed handshake.
      this.#key = undefined;
      throw toRhumbError(error);
    }
  }

  #adopt(session: Ts2021Session): void {
    this.#open = session;
    session.closed.then(
      (reason) => {
        if (this.#open === session) this.#open = undefined;
        this.#options.log('info', 'control.disconnected', { reason: reason?.message });
      },
      // `closed` has no way to reject; the handler is for the type checker's peace.
      () => undefined,
    );
  }
}

/** Waits for a shared piece of work only as long as this caller wants to. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
