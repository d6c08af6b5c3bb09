/** Calls that programs of this machine have the coordination server do for it: tokens, features, attributes, records (control-protocol.md §4.12). */
import { utf8 } from '#shared/bytes/bytes.ts';
import { RhumbError } from '#shared/errors.ts';
import type { NodeKey } from '#shared/key/key.ts';
import { CAPABILITY_VERSION } from '#shared/wire/capability.ts';
import { parseJson, stringifyJson } from '#shared/wire/json.ts';
import type { Channel } from './channel.ts';
import { call } from './http2-call.ts';

/** What may be asked; the machine and its protocol version are added to each. */
export type NodeCall =
  | { readonly kind: 'id-token'; readonly audience: string }
  | { readonly kind: 'query-feature'; readonly feature: string }
  | { readonly kind: 'set-device-attrs'; readonly update: Readonly<Record<string, unknown>> }
  | { readonly kind: 'set-dns'; readonly name: string; readonly value: string };

/** What the server said, to be handed on as it is. */
export interface NodeAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

const MAX_ANSWER = 256 * 1_024;
const TIMEOUT_MS = 30_000;

function wireOf(
  request: NodeCall,
  nodeKey: NodeKey,
): {
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly what: string;
  readonly json: object;
} {
  switch (request.kind) {
    case 'id-token':
      return {
        method: 'POST',
        path: '/machine/id-token',
        what: 'get a token from',
        json: { CapVersion: CAPABILITY_VERSION, NodeKey: nodeKey, Audience: request.audience },
      };
    case 'query-feature':
      return {
        method: 'POST',
        path: '/machine/feature/query',
        what: 'ask for a feature at',
        json: { NodeKey: nodeKey, Feature: request.feature },
      };
    case 'set-device-attrs':
      return {
        method: 'PATCH',
        path: '/machine/set-device-attr',
        what: 'set attributes at',
        json: { Version: CAPABILITY_VERSION, NodeKey: nodeKey, Update: request.update },
      };
    case 'set-dns':
      return {
        method: 'POST',
        path: '/machine/set-dns',
        what: 'publish a record at',
        json: {
          Version: CAPABILITY_VERSION,
          NodeKey: nodeKey,
          Name: request.name,
          Type: 'TXT',
          Value: request.value,
        },
      };
    default:
      return request satisfies never;
  }
}

/** Any status of the server is an answer; only a server that cannot be reached rejects. */
export async function callForNode(
  channel: Channel,
  request: NodeCall,
  nodeKey: NodeKey,
  signal: AbortSignal,
): Promise<NodeAnswer> {
  const { method, path, what, json } = wireOf(request, nodeKey);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const body = utf8(stringifyJson(json));
  const options = { method, path, body, what, signal: limit, maxBody: MAX_ANSWER };
  try {
    const { status, body: answer } = await call(await channel.session(limit), options);
    return { status, body: answer };
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.aborted) throw error;
    throw new RhumbError('timeout', `${what} the control server: no answer in ${TIMEOUT_MS / 1_000} s`, {
      cause: error,
    });
  }
}

/** Why the server would not, in words for the user; undefined for a success. */
export function refusalText(answer: NodeAnswer): string | undefined {
  if (answer.status >= 200 && answer.status < 300) return undefined;
  const said = new TextDecoder()
    .decode(answer.body.subarray(0, 400))
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim();
  const hint = answer.status === 404 || answer.status === 501 ? ': it does not offer this' : '';
  return `the control server answered ${answer.status}${said === '' ? hint : `: ${said}`}`;
}

/** The JSON of a success; throws `protocol` when it is none. */
export function answerJson(answer: NodeAnswer): unknown {
  try {
    return parseJson(new TextDecoder().decode(answer.body));
  } catch (error) {
    throw new RhumbError('protocol', 'the answer of the control server is no JSON', { cause: error });
  }
}
