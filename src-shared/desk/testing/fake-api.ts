/** A daemon for tests of the desk: it is there or not, answers at once or never, and its bus says what a test says. */
import { RhumbError } from '../../errors.ts';
import type { Notify } from '../../localapi/notify.ts';
import { newPrefs, type Prefs } from '../../localapi/prefs.ts';
import { NO_PEER, NO_STATUS, type PeerStatus, type Status } from '../../localapi/status.ts';
import type { Watch } from '../../node/localapi-client.ts';
import type { DeskApi } from '../desk.ts';

export const peerOf = (n: number, change: Partial<PeerStatus> = {}): PeerStatus => ({
  ...NO_PEER,
  ID: `n${n}`,
  HostName: `host${n}`,
  DNSName: `host${n}.net.example.`,
  TailscaleIPs: [`100.64.${n >> 8}.${n & 255}`],
  Online: true,
  ...change,
});

export const statusOf = (peers: readonly PeerStatus[], change: Partial<Status> = {}): Status => ({
  ...NO_STATUS,
  Version: '1.0.0',
  BackendState: 'Running',
  Self: peerOf(0),
  CurrentTailnet: { Name: 'net', MagicDNSSuffix: 'net.example', MagicDNSEnabled: true },
  Peer: Object.fromEntries(peers.map((peer) => [`nodekey:${peer.ID}`, peer])),
  ...change,
});

export class FakeApi implements DeskApi {
  isThere = true;
  /** Nothing is answered any more. */
  hangs = false;
  rhumbVersion: string | undefined = '0.1.0';
  state: Status = statusOf([]);
  wanted: Prefs = newPrefs();
  /** What other endpoints answer, by path; all others are not known to the daemon. */
  readonly answers = new Map<string, unknown>();
  failure = new RhumbError('unavailable', 'no socket');
  asked = { status: 0, profiles: 0, watches: 0 };
  #bus: ((message: Notify | undefined) => void) | undefined;

  say(message: Notify): void {
    this.#bus?.(message);
  }

  /** The stream ends, as when the daemon does. */
  drop(): void {
    this.#bus?.(undefined);
  }

  async watch(_mask: number, signal: AbortSignal): Promise<Watch> {
    await this.#reach(signal);
    this.asked.watches++;
    const waiting: (Notify | undefined)[] = [];
    let wake: (() => void) | undefined;
    this.#bus = (message) => {
      waiting.push(message);
      wake?.();
    };
    async function* messages(): AsyncGenerator<Notify, undefined> {
      while (true) {
        while (waiting.length === 0) {
          signal.throwIfAborted();
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener('abort', () => resolve(), { once: true });
          });
          signal.throwIfAborted();
        }
        const next = waiting.shift();
        if (next === undefined) throw new RhumbError('unavailable', 'the stream ended');
        yield next;
      }
    }
    return { [Symbol.asyncIterator]: messages, [Symbol.asyncDispose]: async () => undefined };
  }

  async status(_options: { peers: boolean }, signal?: AbortSignal): Promise<Status> {
    this.asked.status++;
    const { state } = this;
    await this.#reach(signal);
    return state;
  }

  async prefs(signal?: AbortSignal): Promise<Prefs> {
    await this.#reach(signal);
    return this.wanted;
  }

  async profiles(signal?: AbortSignal): Promise<readonly []> {
    this.asked.profiles++;
    await this.#reach(signal);
    return [];
  }

  async currentProfile(signal?: AbortSignal): ReturnType<DeskApi['currentProfile']> {
    await this.#reach(signal);
    const { NO_PROFILE } = await import('../../localapi/user.ts');
    return NO_PROFILE;
  }

  async get(path: string, signal?: AbortSignal): Promise<unknown> {
    await this.#reach(signal);
    if (!this.answers.has(path)) throw new RhumbError('not-found', `the daemon doesn't know ${path}`);
    return this.answers.get(path);
  }

  async #reach(signal: AbortSignal | undefined): Promise<void> {
    if (!this.isThere) throw this.failure;
    if (this.hangs)
      await new Promise((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
      );
  }
}
