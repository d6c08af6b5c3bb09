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

/** What this machine answers. Only the liveness check is served. */
export function answerC2n(request: C2nRequest | undefined): Uint8Array {
  if (request === undefined) return response(400, 'malformed request\n');
  if (request.path === '/echo') return response(200, request.body);
  return response(400, 'unknown c2n path\n');
}

const REASON = { 200: 'OK', 400: 'Bad Request' } as const;

function response(status: keyof typeof REASON, content: string | Uint8Array): Uint8Array {
  const body = typeof content === 'string' ? utf8(content) : content;
  const head = `HTTP/1.1 ${status} ${REASON[status]}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  return concat(utf8(head), body);
}
