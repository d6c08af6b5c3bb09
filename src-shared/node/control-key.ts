/** Fetches a control server's Noise key: the only request whose TLS certificate is the root of trust (control-protocol.md §2). */
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import { RhumbError } from '../errors.ts';
import type { MachineKey } from '../key/key.ts';
import { CAPABILITY_VERSION } from '../wire/capability.ts';
import { parseJson } from '../wire/json.ts';
import { keyResponse } from '../wire/register.ts';
import { type Connect, carriedBy, hostOf, portOf } from './carried.ts';
import { codeOf, netErrorText } from './net-error.ts';

const MAX_BODY = 64 * 1_024;
const MAX_REDIRECTS = 5;

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/** Certificates are checked strictly. Errors name the server and what is wrong with it. */
export async function fetchControlKey(
  serverUrl: URL,
  signal: AbortSignal,
  connect?: Connect,
): Promise<MachineKey> {
  const asked = { server: serverUrl, connect };
  const answer = await get(new URL(`/key?v=${CAPABILITY_VERSION}`, serverUrl), asked, signal);
  if (answer.status !== 200) throw foreign(serverUrl, `GET /key answered ${answer.status}`);
  const parsed = keyResponse.safeParse(jsonOrUndefined(answer.body));
  if (!parsed.success) throw foreign(serverUrl, 'GET /key did not answer with keys');
  if (parsed.data.publicKey === undefined) throw foreign(serverUrl, 'it has no Noise key, so it is too old');
  return parsed.data.publicKey;
}

const foreign = (server: URL, why: string): RhumbError =>
  new RhumbError(
    'protocol',
    `${server.origin} is not a Rhumb or Tailscale-compatible control server: ${why}`,
  );

function jsonOrUndefined(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined; // not JSON: the schema refuses it like any other wrong answer
  }
}

interface Asked {
  readonly server: URL;
  /** Where connections come from; the system's by default. */
  readonly connect: Connect | undefined;
}

async function get(start: URL, asked: Asked, signal: AbortSignal): Promise<Answer> {
  const { server } = asked;
  let url = start;
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const answer = await getOnce(url, asked, signal);
    if (answer.location === undefined || answer.status < 300 || answer.status > 399) return answer;
    const next = URL.canParse(answer.location, url.href) ? new URL(answer.location, url) : undefined;
    // A secure address must not lead to one that anybody on the way can answer for.
    const downgrade = url.protocol === 'https:' && next?.protocol !== 'https:';
    if (next === undefined || downgrade || !/^https?:$/.test(next.protocol))
      throw foreign(server, 'GET /key redirects to an unusable address');
    url = next;
  }
  throw foreign(server, 'GET /key redirects in circles');
}

async function getOnce(url: URL, { server, connect }: Asked, signal: AbortSignal): Promise<Answer> {
  const told = (error: unknown): unknown => {
    if (error instanceof RhumbError) return error;
    if (signal.aborted && !isTimeout(signal.reason)) return signal.reason;
    return dialError(server, signal.aborted ? signal.reason : error);
  };
  const host = hostOf(url);
  const tls = url.protocol === 'https:' ? { servername: isIP(host) === 0 ? host : '' } : undefined;
  const carried = await carriedBy(connect, { host, port: portOf(url) }, tls, signal).catch((error) => {
    throw told(error);
  });
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(told(error));
    const module = url.protocol === 'https:' ? https : http;
    const headers = { accept: 'application/json' };
    const request = module.get(url, { signal, ...carried, headers }, (response) => {
      const parts: Buffer[] = [];
      let length = 0;
      response.on('data', (part: Buffer) => {
        length += part.length;
        if (length > MAX_BODY) request.destroy(foreign(server, 'GET /key answered more than 64 KiB'));
        else parts.push(part);
      });
      response.on('error', fail);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    request.on('error', fail);
  });
}

export const isTimeout = (reason: unknown): boolean =>
  reason instanceof DOMException && reason.name === 'TimeoutError';

export const dialError = (server: URL, cause: unknown): RhumbError =>
  new RhumbError(
    'unavailable',
    `dial control server ${server.origin}: ${netErrorText(cause)}${hint(cause)}`,
    {
      cause,
    },
  );

const ADDRESS_TROUBLE = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT', 'EPROTO']);

/** What the user can do about it. */
function hint(cause: unknown): string {
  const code = codeOf(cause) ?? '';
  if (ADDRESS_TROUBLE.has(code) || isTimeout(cause) || code.startsWith('HPE_'))
    return '; check the address and that the server is running';
  if (code === 'EAI_AGAIN' || code === 'ENETUNREACH') return '; check the network connection';
  return '';
}
