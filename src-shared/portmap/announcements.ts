/** Hears the router announce that it began anew, while a mapping depends on it (RFC 6886 §3.2.1, RFC 6887 §14.1.3). */
import { toRhumbError } from '../errors.ts';
import type { Log } from '../log/log.ts';
import type { LanSocket } from '../node/lan-udp.ts';
import { decodePmp, SERVER_PORT } from './nat-pmp.ts';
import { decodePcp } from './pcp.ts';
import type { Gateway, OpenPortmapSocket, Protocol } from './types.ts';

export class Announcements {
  readonly #open: OpenPortmapSocket;
  readonly #log: Log;
  readonly #heard: (protocol: Protocol, epochS: number) => void;
  #wanted: Gateway | undefined;
  #socket: LanSocket | undefined;
  /** Opening and closing take turns. */
  #turn: Promise<void> = Promise.resolve();

  constructor(open: OpenPortmapSocket, log: Log, heard: (protocol: Protocol, epochS: number) => void) {
    this.#open = open;
    this.#log = log;
    this.#heard = heard;
  }

  /** Listens to this router from now on; undefined stops listening. */
  follow(gateway: Gateway | undefined): void {
    if (gateway?.gateway === this.#wanted?.gateway && gateway?.self === this.#wanted?.self) return;
    this.#wanted = gateway;
    this.#turn = this.#turn.then(() => this.#change(gateway));
  }

  /** Resolves when the last socket is closed. */
  async close(): Promise<void> {
    this.follow(undefined);
    await this.#turn;
  }

  async #change(gateway: Gateway | undefined): Promise<void> {
    await this.#socket?.close();
    this.#socket = undefined;
    if (gateway === undefined || gateway !== this.#wanted) return;
    try {
      this.#socket = await this.#open({
        localIp: gateway.self,
        receive: (from, datagram) => {
          if (from.ip === gateway.gateway && from.port === SERVER_PORT) this.#read(datagram);
        },
      });
    } catch (error) {
      // Without it a restarted router is noticed at the next renewal or probe.
      this.#log('debug', 'portmap.no-announcements', { error: toRhumbError(error).message });
    }
  }

  #read(datagram: Uint8Array): void {
    const pmp = decodePmp(datagram);
    if (pmp?.type === 'address') this.#heard('nat-pmp', pmp.epochS);
    const pcp = decodePcp(datagram);
    if (pcp?.type === 'announce') this.#heard('pcp', pcp.epochS);
  }
}
