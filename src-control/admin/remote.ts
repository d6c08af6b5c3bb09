/** The administrator's calls to a server elsewhere: over its HTTP API, with an API key. */
import http from 'node:http';
import https from 'node:https';
import { RhumbError } from '#shared/errors.ts';
import { parseBody, readBody } from '../http/body.ts';
import { readAnswer } from './answers.ts';
import type { Admin, CallArg, CallName, CallResult } from './calls.ts';

const TIMEOUT_MS = 30_000;
const MAX_ANSWER = 256 << 20;

export interface Remote {
  /** `https://vpn.example.com`, or without the scheme. */
  readonly address: string;
  readonly apiKey: string;
  /** Any certificate will do, and plain http to anywhere. */
  readonly isInsecure: boolean;
}

const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);

export function parseAddress({ address, isInsecure }: Remote): URL {
  const text = /^[a-z]+:\/\//i.test(address) ? address : `https://${address}`;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new RhumbError('bad-argument', `"${address}" is not an address: write https://vpn.example.com`);
  if (url.protocol === 'http:' && !isLoopback(url) && !isInsecure)
    throw new RhumbError(
      'bad-argument',
      'over http everybody on the way reads the key: use https, or --insecure',
    );
  return url;
}

export function connectRemote(remote: Remote): Admin {
  const base = parseAddress(remote);
  return {
    call: async <K extends CallName>(call: K, arg: CallArg<K>): Promise<CallResult<K>> => {
      const url = new URL(`${base.pathname.replace(/\/+$/, '')}/api/x/call/${call}`, base);
      const { status, body } = await post(url, remote, JSON.stringify(arg));
      return readAnswer(status, body) as CallResult<K>;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function post(url: URL, remote: Remote, body: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void =>
      reject(
        cause instanceof RhumbError
          ? cause
          : new RhumbError('unavailable', `can't reach ${url.origin}: ${cause.message}`, { cause }),
      );
    const options = {
      method: 'POST',
      timeout: TIMEOUT_MS,
      headers: {
        authorization: `Bearer ${remote.apiKey}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
    };
    const onAnswer = (answer: http.IncomingMessage): void => {
      readBody(answer, MAX_ANSWER)
        .then((bytes) => resolve({ status: answer.statusCode ?? 0, body: parseOr(bytes) }))
        .catch(fail);
    };
    const request =
      url.protocol === 'http:'
        ? http.request(url, options, onAnswer)
        : https.request(url, { ...options, rejectUnauthorized: !remote.isInsecure }, onAnswer);
    request.on('timeout', () => request.destroy(new RhumbError('timeout', `${url.origin} does not answer`)));
    request.on('error', fail);
    request.end(body);
  });
}

/** What is no JSON is no answer of ours; the status says the rest. */
function parseOr(bytes: Uint8Array): unknown {
  try {
    return parseBody(bytes);
  } catch {
    return undefined;
  }
}
