/** Answers to a server's PingRequests: a HEAD, a control-to-node request, or a ping by the data plane (§4.10). */
import { utf8 } from '#shared/bytes/bytes.ts';
import { toRhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { stringifyJson } from '#shared/wire/json.ts';
import type { PingRequest } from '#shared/wire/map.ts';
import { answerC2n, parseC2nRequest } from './c2n.ts';
import type { Channel } from './channel.ts';
import { startCall } from './http2-call.ts';
import { isWebUrl } from './register.ts';
import { post } from './requests.ts';
import type { PingAnswer } from './types.ts';
import type { WebHead } from './web-head.ts';

const HEAD_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 15_000;
const C2N_TIMEOUT_MS = 60_000;
/** A server that asks faster than we answer is not worth answering. */
const MAX_RUNNING = 8;

const DATA_PLANE = new Set(['disco', 'TSMP', 'ICMP']);

export interface ServerPingsOptions {
  readonly channel: Channel;
  readonly log: Log;
  /** For kinds that need the data plane. */
  readonly toDataPlane: (request: PingRequest) => void;
  readonly head: WebHead;
}

export class ServerPings {
  readonly #options: ServerPingsOptions;
  #lastUrl = '';
  #running = 0;

  constructor(options: ServerPingsOptions) {
    this.#options = options;
  }

  /** Starts what was asked for; a URL that was the last one already is ignored, as every server expects. */
  handle(request: PingRequest, signal: AbortSignal): void {
    if (request.URL === '' || request.URL === this.#lastUrl || !isWebUrl(request.URL)) return;
    this.#lastUrl = request.URL;
    const types = request.Types ?? '';
    if (types === '') this.#start('head', this.#head(request, within(signal, HEAD_TIMEOUT_MS)));
    else if (types === 'c2n') this.#start('c2n', this.#c2n(request, within(signal, C2N_TIMEOUT_MS)));
    else if (types.split(',').some((type) => DATA_PLANE.has(type))) this.#options.toDataPlane(request);
  }

  answer(request: PingRequest, answer: PingAnswer, signal: AbortSignal): void {
    const body = utf8(stringifyJson(answer));
    this.#start('answer', this.#post(request.URL, body, within(signal, ANSWER_TIMEOUT_MS)));
  }

  #start(what: string, work: Promise<void>): void {
    this.#running++;
    work
      .catch((error: unknown) => {
        // Whoever asked times out; nothing here depends on the answer.
        this.#options.log('debug', 'server-ping.failed', { what, error: toRhumbError(error).message });
      })
      .finally(() => {
        this.#running--;
      });
  }

  async #head(request: PingRequest, signal: AbortSignal): Promise<void> {
    this.#refuseFlood();
    if (request.URLIsNoise !== true) {
      await this.#options.head(request.URL, signal);
      return;
    }
    const session = await this.#options.channel.session(signal);
    const options = {
      method: 'HEAD',
      path: pathOf(request.URL),
      body: undefined,
      signal,
      what: 'answer',
    } as const;
    const answer = await startCall(session, options);
    answer.body.destroy();
  }

  async #c2n(request: PingRequest, signal: AbortSignal): Promise<void> {
    this.#refuseFlood();
    const raw = Buffer.from(request.Payload ?? '', 'base64');
    await this.#post(request.URL, answerC2n(parseC2nRequest(raw)), signal);
  }

  /** Answers go through the channel whatever host the URL names (§4.1). */
  #post(url: string, body: Uint8Array, signal: AbortSignal): Promise<void> {
    return post(this.#options.channel, { path: pathOf(url), body, what: 'answer' }, signal);
  }

  #refuseFlood(): void {
    if (this.#running >= MAX_RUNNING) throw new Error('too many requests of the control server at once');
  }
}

const within = (signal: AbortSignal, ms: number): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(ms)]);

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
