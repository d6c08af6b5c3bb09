/** `rhumb status --web`: the status as a page on this machine, until Ctrl-C. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { RhumbError } from '#shared/errors.ts';
import { status as statusSchema } from '#shared/localapi/status.ts';
import { renderStatusPage } from '../print/status-page.ts';
import type { Context } from './context.ts';
import type { FlagValues } from './spec.ts';

const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
} as const;

interface Place {
  readonly host: string;
  readonly port: number;
}

function placeOf(text: string): Place {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new RhumbError(
      'bad-argument',
      `--listen: want an address such as 127.0.0.1:8384, not ${JSON.stringify(text)}`,
    );
  return { host: match[1] ?? match[2] ?? '', port };
}

export async function serveStatus(context: Context, flags: FlagValues): Promise<number> {
  const place = placeOf(flags.text('listen'));
  const server = createServer((request, response) => {
    answer(context, request, response).catch((error: unknown) => {
      response.statusCode = 500;
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end(`${error instanceof Error ? error.message : String(error)}\n`);
    });
  });
  const ended = new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new RhumbError('unavailable', `can't listen on ${flags.text('listen')}: ${error.message}`)),
    );
    server.once('close', resolve);
    context.signal.addEventListener('abort', () => server.close(), { once: true });
  });
  server.listen(place.port, place.host === '' ? undefined : place.host, () => {
    const { port } = server.address() as AddressInfo;
    const shown = isIP(place.host) === 6 ? `[${place.host}]` : place.host || '127.0.0.1';
    const url = `http://${shown}:${port}/`;
    context.err(`Serving status at ${url} until Ctrl-C.\n`);
    if (flags.bool('browser')) void context.openUrl(url);
  });
  await ended;
  return 0;
}

/** Pages elsewhere must not read ours by a name of theirs that leads to this machine. */
function isOwnName(request: IncomingMessage): boolean {
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return host === 'localhost' || isIP(host) !== 0;
}

async function answer(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://here/');
  const refusal = !isOwnName(request)
    ? 403
    : request.method !== 'GET' && request.method !== 'HEAD'
      ? 405
      : pathname === '/'
        ? undefined
        : 404;
  if (refusal !== undefined) {
    response.writeHead(refusal, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' });
    response.end();
    return;
  }
  const parsed = statusSchema.safeParse(await context.api.statusJson({ peers: true }, context.signal));
  if (!parsed.success) throw new RhumbError('protocol', "the daemon's status is malformed");
  response.writeHead(200, HEADERS);
  response.end(request.method === 'HEAD' ? undefined : renderStatusPage(parsed.data, context.clock.now()));
}
