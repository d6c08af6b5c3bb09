/** The administrator's calls over a unix socket in the state directory: HTTP and JSON, for its owner only. */
import { chmodSync, rmSync } from 'node:fs';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import type { Log } from '#shared/log/log.ts';
import { parseBody, readBody, TooLarge } from '../http/body.ts';
import { readAnswer } from './answers.ts';
import { MAX_ARG_BYTES } from './call.ts';
import { LOCAL } from './caller.ts';
import {
  type Admin,
  type CallArg,
  type CallName,
  type CallResult,
  carryOutUnknown,
  isCallName,
} from './calls.ts';
import type { AdminDeps } from './deps.ts';
import { STATUS } from './status.ts';

export const adminSocketPath = (stateDir: string): string => join(stateDir, 'admin.sock');

const MAX_ANSWER = 256 << 20;
const CALL_TIMEOUT_MS = 30_000;
const PREFIX = '/admin/';
/** sockaddr_un holds 108 bytes with the ending zero on Linux, 104 elsewhere. */
const MAX_SOCKET_PATH = 103;

export async function listenAdmin(path: string, deps: AdminDeps): Promise<http.Server> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH)
    throw new RhumbError(
      'bad-argument',
      `the path ${path} is too long for a socket: choose a shorter --state-dir`,
    );
  const server = http.createServer({ requestTimeout: CALL_TIMEOUT_MS }, (request, response) => {
    answer(deps, request, response).catch((error: unknown) => fail(response, error, deps.log));
  });
  // What a killed server left; the state directory's lock says that none is alive.
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new RhumbError('unavailable', `can't open the admin socket ${path}: ${cause.message}`, { cause }),
      ),
    );
    server.listen(path, resolve);
  });
  // The program's umask keeps others out from the first moment; this holds under any umask.
  chmodSync(path, 0o600);
  return server;
}

async function answer(deps: AdminDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = (request.url ?? '').startsWith(PREFIX) ? (request.url ?? '').slice(PREFIX.length) : '';
  if (request.method !== 'POST' || !isCallName(name))
    throw new RhumbError(
      'not-found',
      'the running server does not know this command: is it an older version?',
    );
  const arg = parseBody(await readBody(request, MAX_ARG_BYTES));
  // Whoever may open the socket is the server's own user: its file says so.
  send(response, 200, await carryOutUnknown(deps, name, arg, LOCAL));
}

function fail(response: ServerResponse, error: unknown, log: Log): void {
  const known = error instanceof TooLarge ? new RhumbError('bad-argument', error.message) : error;
  if (!(known instanceof RhumbError)) log('error', 'admin.failed', { error });
  const { code, message } =
    known instanceof RhumbError ? known : new RhumbError('internal', 'the server failed; its log says why');
  send(response, STATUS[code], { error: { code, message } });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json');
  response.end(`${JSON.stringify(body)}\n`);
}

/** The client's side; undefined when no server listens there. */
export async function connectAdmin(path: string): Promise<Admin | undefined> {
  if (!(await isServed(path))) return undefined;
  return {
    call: async <K extends CallName>(call: K, arg: CallArg<K>): Promise<CallResult<K>> => {
      const { status, body } = await post(path, `${PREFIX}${call}`, JSON.stringify(arg));
      return readAnswer(status, body) as CallResult<K>;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function isServed(path: string): Promise<boolean> {
  try {
    await post(path, `${PREFIX}none`, '{}');
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR' || code === 'EINVAL') return false;
    if (code === 'EACCES' || code === 'EPERM')
      throw new RhumbError(
        'not-allowed',
        `not permitted to talk to the server at ${path}: run as the user it runs as`,
        {
          cause: error,
        },
      );
    throw error;
  }
}

function post(path: string, url: string, body: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        socketPath: path,
        path: url,
        method: 'POST',
        timeout: CALL_TIMEOUT_MS,
        // A connection kept from the last call may have been closed by the server just now.
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      },
      (response) => {
        readBody(response, MAX_ANSWER)
          .then((bytes) => resolve({ status: response.statusCode ?? 0, body: parseBody(bytes) }))
          .catch(reject);
      },
    );
    request.on('timeout', () =>
      request.destroy(new RhumbError('timeout', 'the running server does not answer')),
    );
    request.on('error', reject);
    request.end(body);
  });
}
