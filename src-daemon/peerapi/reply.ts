/** Replies of the PeerAPI: whole bodies, with their length. */
import type { ServerResponse } from 'node:http';

export function send(
  response: ServerResponse,
  status: number,
  type: string,
  body: string | Uint8Array,
  isHead = false,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': bytes.length });
  response.end(isHead ? undefined : bytes);
}

/** In the words of official daemons, which their clients show. */
export const refuse = (response: ServerResponse, status: number, why: string): void =>
  send(response, status, 'text/plain; charset=utf-8', `${why}\n`);
