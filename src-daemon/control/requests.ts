/** The JSON calls of the control protocol over a channel: register, map, lite update, replies. */
import type { Readable } from 'node:stream';
import { utf8 } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import type { DiscoKey, NodeKey } from '#shared/key/key.ts';
import { CAPABILITY_VERSION } from '#shared/wire/capability.ts';
import type { Hostinfo } from '#shared/wire/hostinfo.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import { type RegisterResponse, registerResponse } from '#shared/wire/register.ts';
import type { Channel } from './channel.ts';
import { call, readBody, startCall } from './http2-call.ts';
import type { ControlEndpoint } from './types.ts';

const MAX_REGISTER_BODY = 1_024 * 1_024;
const MAX_ERROR_BODY = 64 * 1_024;
const SHOWN_ERROR = 200;

/** The server said so often in a row that it does not know us; registering again sorts it out (§5.3). */
export const UNKNOWN_NODE_LIMIT = 3;

/** The server answered, but not with 200; the cause of the error that is thrown then. */
export interface Refusal {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof RhumbError) || typeof error.cause !== 'object' || error.cause === null)
    return undefined;
  return 'status' in error.cause ? (error.cause as Refusal) : undefined;
}

/** Any status but 200 is an error whose `refusalOf` says which. */
export async function register(
  channel: Channel,
  body: object,
  signal: AbortSignal,
): Promise<RegisterResponse> {
  const options = {
    method: 'POST',
    path: '/machine/register',
    body: utf8(stringifyJson(body)),
    signal,
    what: 'register with',
    maxBody: MAX_REGISTER_BODY,
  } as const;
  const answer = await call(await channel.session(signal), options);
  if (answer.status !== 200) throw statusError(options.what, answer.status, answer.retryAfter, answer.body);
  const parsed = registerResponse.safeParse(jsonOrUndefined(answer.body));
  if (!parsed.success)
    throw new RhumbError('protocol', 'register with the control server: its answer is malformed');
  return parsed.data;
}

/** What this machine tells with every map request: always the complete set, because servers replace it whole. */
export interface MapFacts {
  readonly nodeKey: NodeKey;
  readonly discoKey: DiscoKey;
  readonly hostinfo: Hostinfo;
  /** Undefined before they are known: the server keeps what it has. */
  readonly endpoints: readonly ControlEndpoint[] | undefined;
}

export function mapBody(facts: MapFacts, kind: 'stream' | 'lite'): string {
  return stringifyJson({
    Version: CAPABILITY_VERSION,
    Compress: 'zstd',
    KeepAlive: true,
    NodeKey: facts.nodeKey,
    DiscoKey: facts.discoKey,
    Stream: kind === 'stream' ? true : undefined,
    Hostinfo: facts.hostinfo,
    Endpoints: facts.endpoints?.map(({ addr }) => addr),
    EndpointTypes: facts.endpoints?.map(({ type }) => type),
    OmitPeers: kind === 'lite' ? true : undefined,
  });
}

/** Opens the long poll; its body is the sequence of map messages. */
export async function openMap(channel: Channel, body: string, signal: AbortSignal): Promise<Readable> {
  const options = {
    method: 'POST',
    path: '/machine/map',
    body: utf8(body),
    signal,
    what: 'follow the map of',
  } as const;
  const { status, retryAfter, body: stream } = await startCall(await channel.session(signal), options);
  if (status === 200) return stream;
  throw statusError(
    options.what,
    status,
    retryAfter,
    await readBody(stream, { ...options, maxBody: MAX_ERROR_BODY }),
  );
}

/** Posts something whose answer carries nothing but its status. */
export async function post(
  channel: Channel,
  request: { readonly path: string; readonly body: Uint8Array; readonly what: string },
  signal: AbortSignal,
): Promise<void> {
  const options = { ...request, method: 'POST', signal, maxBody: MAX_ERROR_BODY } as const;
  const answer = await call(await channel.session(signal), options);
  if (answer.status < 200 || answer.status > 299)
    throw statusError(request.what, answer.status, answer.retryAfter, answer.body);
}

/** Bodies of errors are plain text for people; what is longer or not printable is cut. */
function statusError(
  what: string,
  status: number,
  retryAfter: string | undefined,
  body: Uint8Array,
): RhumbError {
  const text = new TextDecoder()
    .decode(body.subarray(0, SHOWN_ERROR))
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  const said = text === '' ? '' : `: ${text}`;
  const refusal: Refusal = { status, retryAfter };
  return new RhumbError('unavailable', `${what} the control server: it answered ${status}${said}`, {
    cause: refusal,
  });
}

function jsonOrUndefined(body: Uint8Array): unknown {
  try {
    return parseJson(new TextDecoder().decode(body));
  } catch {
    return undefined; // the schema refuses it with every other wrong answer
  }
}
