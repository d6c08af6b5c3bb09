/** Replies of the local API in the forms that its clients expect (localapi-and-daemon.md §1.8). */
import type { ServerResponse } from 'node:http';
import type { ErrorCode } from '#shared/errors.ts';
import { encodeError } from '#shared/localapi/http.ts';
import { stringifyJson } from '#shared/wire/json.ts';

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  sendRaw(response, Buffer.from(`${stringifyJson(value)}\n`, 'utf8'), status);
}

/** JSON that is made already, with its final newline. */
export function sendRaw(response: ServerResponse, body: Buffer, status = 200): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length });
  response.end(body);
}

export function sendText(
  response: ServerResponse,
  text: string,
  status = 200,
  type = 'text/plain; charset=utf-8',
): void {
  const body = text.endsWith('\n') ? text : `${text}\n`;
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

export function sendNothing(response: ServerResponse, status: 201 | 204): void {
  response.writeHead(status);
  response.end();
}

/** A JSON error under both spellings of its key. */
export const sendError = (response: ServerResponse, status: number, message: string): void =>
  sendJson(response, encodeError(message), status);

const STATUS: Readonly<Record<ErrorCode, number>> = {
  'bad-argument': 400,
  'not-allowed': 403,
  'not-found': 404,
  conflict: 409,
  timeout: 500,
  unavailable: 500,
  protocol: 500,
  internal: 500,
};
export const statusOf = (code: ErrorCode): number => STATUS[code];
