/** Who may use the relay: asked of a daemon on this machine, of an address on the web, or of both (nat-traversal.md §1.9). */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { z } from 'zod';
import type { Clock } from '#shared/async/clock.ts';
import { RhumbError, toRhumbError } from '#shared/errors.ts';
import { type NodeKey, shortKey } from '#shared/key/key.ts';
import type { Log } from '#shared/log/log.ts';
import { LocalApi } from '#shared/node/localapi-client.ts';
import { codeOf, netErrorText } from '#shared/node/net-error.ts';

/** `source` is the client's address, '' where it is not known. */
export type Verify = (key: NodeKey, source: string, signal: AbortSignal) => Promise<boolean>;

const TIMEOUT_MS = 5_000;
const MAX_REPLY = 4_096;
/**
 * Each question costs a connection. Above this strangers are asking, not clients: they are turned away instead of using up
 * the ports and descriptors, for then nothing would be reachable and failing open would let them all in.
 */
const MAX_ASKING = 1_024;
/** We lack descriptors, ports or memory, which strangers can bring about: no reason to let them in. */
const OWN_LACK: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'ENOMEM']);
const reply = z.looseObject({ Allow: z.boolean().optional() });

/** Every check must agree; none means that everybody may. */
export function allOf(checks: readonly Verify[]): Verify | undefined {
  if (checks.length === 0) return undefined;
  return async (key, source, signal) => {
    for (const check of checks) if (!(await check(key, source, signal))) return false;
    return true;
  };
}

/** Lets in whom the daemon on this machine knows, itself included; when it does not answer, nobody. */
export function verifyByDaemon(socketPath: string, clock: Clock, log: Log): Verify {
  return async (key, _source, signal) => {
    using api = new LocalApi({ socketPath, clock, dialRetryMs: 0 });
    try {
      await api.whoIsJson(key, '', AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
      return true;
    } catch (error) {
      if (error instanceof RhumbError && error.code === 'not-found') return false;
      log('warn', 'admission.daemon-failed', { key: shortKey(key), error: toRhumbError(error).message });
      return false;
    }
  };
}

export interface UrlCheck {
  readonly url: URL;
  /** Lets everybody in while nothing answers at the address; an answer that refuses counts all the same. */
  readonly isFailOpen: boolean;
  readonly log: Log;
}

/** POSTs the key and the source, as the official relay does; `POST /verify` of a coordination server answers it. */
export function verifyByUrl({ url, isFailOpen, log }: UrlCheck): Verify {
  // Without the name and password that it may have.
  const where = `${url.origin}${url.pathname}`;
  let asking = 0;
  return async (key, source, signal) => {
    if (asking >= MAX_ASKING) {
      log('debug', 'admission.busy', { url: where });
      return false;
    }
    const body = JSON.stringify({ NodePublic: key, Source: source });
    let answer: { readonly status: number; readonly body: string };
    asking++;
    try {
      answer = await post(url, body, AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]));
    } catch (error) {
      // Who has gone meanwhile needs no answer, and says nothing about the address.
      if (signal.aborted) return false;
      const allowed = isFailOpen && isOutOfReach(error);
      log('warn', 'admission.url-unreachable', { url: where, error: netErrorText(error), allowed });
      return allowed;
    } finally {
      asking--;
    }
    if (answer.status !== 200) {
      log('warn', 'admission.url-refused', { url: where, status: answer.status });
      return false;
    }
    return allows(answer.body);
  };
}

/** Whether it is the address that can't be had, and not what we need to ask it. */
export const isOutOfReach = (error: unknown): boolean => !OWN_LACK.has(codeOf(error) ?? '');

function allows(body: string): boolean {
  try {
    return reply.parse(JSON.parse(body)).Allow === true;
  } catch {
    return false; // not the answer of an admission controller: no
  }
}

/** Reads no more than the limit: a longer answer is cut, and what is cut is no JSON. */
function post(url: URL, body: string, signal: AbortSignal): Promise<{ status: number; body: string }> {
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = send(url, { method: 'POST', headers, signal, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        // A refusal is one also when it breaks off.
        response.on('error', () => undefined).destroy();
        resolve({ status: response.statusCode ?? 0, body: '' });
        return;
      }
      const parts: Buffer[] = [];
      let size = 0;
      const done = (): void => {
        const text = Buffer.concat(parts).subarray(0, MAX_REPLY).toString('utf8');
        resolve({ status: response.statusCode ?? 0, body: text });
      };
      response.on('data', (part: Buffer) => {
        parts.push(part);
        size += part.length;
        if (size > MAX_REPLY) {
          done();
          response.destroy();
        }
      });
      response.on('end', done);
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
