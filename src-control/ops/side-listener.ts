/** A listener for those who watch the server: figures for Prometheus, health, readiness. */
import http, { type ServerResponse } from 'node:http';
import { type Address, listen } from '../../src-relay/front/listen.ts';
import type { Answer, Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export interface SideListener extends AsyncDisposable {
  readonly port: number;
}

const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, maxHeaderSize: 8 * 1_024 };
const MAX_CONNECTIONS = 64;

export async function openSideListener(
  address: Address,
  metrics: Pick<Metrics, 'text'>,
  health: Health,
): Promise<SideListener> {
  const answers: Readonly<Record<string, (response: ServerResponse) => Promise<void>>> = {
    '/metrics': async (response) =>
      send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await metrics.text()),
    '/health': async (response) => sendJson(response, health.live()),
    '/ready': async (response) => sendJson(response, await health.ready()),
  };
  const server = http.createServer(LIMITS, (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
    if (answer === undefined || (request.method !== 'GET' && request.method !== 'HEAD'))
      return send(response, 404, 'text/plain; charset=utf-8', 'see /metrics, /health and /ready\n');
    answer(response).catch(() => send(response, 500, 'text/plain; charset=utf-8', 'failed\n'));
  });
  server.maxConnections = MAX_CONNECTIONS;
  const port = await listen(server, address, 'metrics');
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const sendJson = (response: ServerResponse, { status, body }: Answer): void =>
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`);

function send(response: ServerResponse, status: number, type: string, body: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(body);
}
