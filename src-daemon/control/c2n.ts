/** Requests that the control server sends to this machine: raw HTTP/1.1 in, raw HTTP/1.1 out (control-protocol.md §4.11). */
import { concat, utf8 } from '#shared/bytes/bytes.ts';

export interface C2nRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly body: Uint8Array;
}

const MAX_REQUEST = 1_024 * 1_024;
const MAX_HEAD = 16 * 1_024;

/** Undefined when it is no HTTP/1.x request with a whole head. A body without a length runs to the end. */
export function parseC2nRequest(bytes: Uint8Array): C2nRequest | undefined {
  if (bytes.length > MAX_REQUEST) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEAD)).toString(
    'latin1',
  );
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...headers] = text.slice(0, end).split('\r\n');
  const line = /^([A-Z]{1,16}) (\S{1,4096}) HTTP\/1\.[01]$/.exec(first);
  const target = line?.[2] ?? '';
  // In absolute form too: some servers write the whole URL.
  const url = URL.parse(target, 'http://node/');
  if (line === null || url === null) return undefined;
  const rest = bytes.subarray(end + 4);
  const length = headers.map((header) => /^content-length:\s*(\d{1,9})\s*$/i.exec(header)?.[1]).find(Boolean);
  const body = length === undefined ? rest : rest.subarray(0, Number(length));
  return { method: line[1] ?? '', path: url.pathname, body };
}

/** What this machine has none of, in the words in which a server expects to hear it. */
interface Fact {
  readonly methods: readonly string[];
  /** Undefined = done, and nothing to say. */
  readonly json: object | undefined;
}

/** Servers ask these of machines of our version; what they say of the machine is that it does not take part. */
const FACTS: ReadonlyMap<string, Fact> = new Map<string, Fact>([
  ['/logtail/flush', { methods: ['POST'], json: undefined }],
  ['/update', { methods: ['GET', 'POST'], json: { Enabled: false, Supported: false, Started: false } }],
  ['/posture/identity', { methods: ['GET'], json: { PostureDisabled: true } }],
  ['/vip-services', { methods: ['GET'], json: { ServicesHash: '' } }],
  ['/appconnector/routes', { methods: ['GET'], json: { Domains: {} } }],
  ['/ssh/usernames', { methods: ['GET', 'POST'], json: { Usernames: [] } }],
]);

/** The rest looks into the machine or changes it, which is for its own users alone. */
export function answerC2n(request: C2nRequest | undefined): Uint8Array {
  if (request === undefined) return response(400, 'malformed request\n');
  if (request.path === '/echo') return response(200, request.body);
  const fact = FACTS.get(request.path);
  if (fact === undefined) return response(400, 'unknown c2n path\n');
  if (!fact.methods.includes(request.method)) return response(405, 'bad method\n');
  if (fact.json === undefined) return response(204, '');
  return response(200, `${JSON.stringify(fact.json)}\n`, 'application/json');
}

const REASON = { 200: 'OK', 204: 'No Content', 400: 'Bad Request', 405: 'Method Not Allowed' } as const;

function response(
  status: keyof typeof REASON,
  content: string | Uint8Array,
  type = 'text/plain; charset=utf-8',
): Uint8Array {
  const body = typeof content === 'string' ? utf8(content) : content;
  // A reply without content must not name a length (RFC 9110 §8.6).
  const about = status === 204 ? '' : `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n`;
  return concat(utf8(`HTTP/1.1 ${status} ${REASON[status]}\r\n${about}Connection: close\r\n\r\n`), body);
}
