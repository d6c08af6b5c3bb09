/** `/dns-query`: DNS over HTTP for peers (RFC 8484 without TLS, inside the tunnel), and as JSON for people (localapi-and-daemon.md §8.2). */
import type { IncomingMessage } from 'node:http';
import { type Answer, decode, encode, RECURSION_DESIRED } from 'dns-packet';

/** The official client's bounds. */
const MAX_QUERY_BYTES = 256 * 1_024;
const MAX_NAME = 253;
const DNS_MESSAGE = 'application/dns-message';
/** Some servers refuse an id of 0; the answer is matched by nothing else here. */
const READABLE_ID = 1;
const READABLE_TYPES = ['A', 'AAAA', 'TXT'] as const;

export type Question =
  | { readonly kind: 'message'; readonly query: Uint8Array }
  /** Asked with `?q=`; the answer is for people. */
  | { readonly kind: 'readable'; readonly query: Uint8Array }
  | { readonly kind: 'bad'; readonly why: string };

export async function questionOf(request: IncomingMessage, params: URLSearchParams): Promise<Question> {
  if (request.method === 'POST') return await posted(request);
  if (request.method !== 'GET') return bad('bad HTTP method');
  const text = params.get('dns') ?? '';
  if (text === '') {
    const name = params.get('q') ?? '';
    return name === ''
      ? bad("missing 'dns' parameter; try '?dns=' (DoH standard) or use '?q=<name>' for JSON debug mode")
      : readable(name, params.get('t') ?? '');
  }
  if (text.length > (MAX_QUERY_BYTES / 3) * 4) return bad('query too large');
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return bad("invalid 'dns' base64 encoding");
  return { kind: 'message', query: new Uint8Array(Buffer.from(text, 'base64url')) };
}

async function posted(request: IncomingMessage): Promise<Question> {
  if (request.headers['content-type'] !== DNS_MESSAGE) return bad('unexpected Content-Type');
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request) {
    if (!(part instanceof Uint8Array)) return bad('error reading post body with DNS query');
    length += part.length;
    if (length > MAX_QUERY_BYTES) return bad('query too large');
    parts.push(part);
  }
  return { kind: 'message', query: new Uint8Array(Buffer.concat(parts)) };
}

function readable(name: string, wanted: string): Question {
  const type = READABLE_TYPES.find((one) => one === wanted.toUpperCase()) ?? 'A';
  const plain = name.replace(/\.$/, '');
  const labels = plain.split('.');
  if (plain.length > MAX_NAME || labels.some((label) => label.length === 0 || Buffer.byteLength(label) > 63))
    return bad(`not a name: ${JSON.stringify(name.slice(0, MAX_NAME))}`);
  const query = encode({
    type: 'query',
    id: READABLE_ID,
    flags: RECURSION_DESIRED,
    questions: [{ type, name: plain }],
  });
  return { kind: 'readable', query: new Uint8Array(query) };
}

const bad = (why: string): Question => ({ kind: 'bad', why });

/** Addresses and texts of an answer as a JSON list, or what went wrong. */
export function readableAnswer(message: Uint8Array): string {
  try {
    const { answers, rcode } = withRcode(message);
    if (rcode !== 0) return `${JSON.stringify({ Error: `DNS RCode = ${rcode}` })}\n`;
    return `${JSON.stringify((answers ?? []).flatMap(textsOf))}\n`;
  } catch (error) {
    return `${JSON.stringify({ Error: error instanceof Error ? error.message : 'unreadable answer' })}\n`;
  }
}

function withRcode(message: Uint8Array): {
  readonly answers: readonly Answer[] | undefined;
  readonly rcode: number;
} {
  const { answers, flags } = decode(Buffer.from(message));
  return { answers, rcode: (flags ?? 0) & 15 };
}

function textsOf(answer: Answer): string[] {
  if (answer.type === 'A' || answer.type === 'AAAA') return [answer.data];
  if (answer.type !== 'TXT') return [];
  const list = Array.isArray(answer.data) ? answer.data : [answer.data];
  return list.map((part) => String(part));
}
