/** For tests: a LocalApiServer on a real socket before a backend whose surroundings are faked. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Level, Log } from '#shared/log/log.ts';
import { fakeWorld, type World } from '../../backend/fake-world.ts';
import { MetricsRegistry } from '../../metrics/metrics.ts';
import type { PeerCredentials } from '../access.ts';
import type { OptionalParts } from '../parts.ts';
import { LocalApiServer } from '../server.ts';

export const ROOT: PeerCredentials = { pid: 1, uid: 0, gid: 0 };
export const USER: PeerCredentials = { pid: 2, uid: 1_000, gid: 1_000 };

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Leave when the header is there: for replies without an end. */
  readonly onlyHead?: boolean;
}

export interface Api extends AsyncDisposable {
  readonly world: World;
  readonly path: string;
  readonly server: LocalApiServer;
  readonly ended: () => boolean;
  /** What was logged as an error of ours. */
  readonly bugs: string[];
  /** Whom the next connections are taken for. */
  as: PeerCredentials | undefined;
  call(method: string, target: string, options?: CallOptions): Promise<Reply>;
}

export async function openApi(parts: OptionalParts = {}): Promise<Api> {
  const dir = await mkdtemp(join(tmpdir(), 'rhumb-api-'));
  const path = join(dir, 'sock');
  const world = await fakeWorld();
  let ended = false;
  const bugs: string[] = [];
  const log: Log = Object.assign(
    (level: Level, event: string, fields?: object): void => {
      if (level === 'error')
        bugs.push(`${event} ${JSON.stringify(fields, (_key, v) => (v instanceof Error ? v.stack : v))}`);
    },
    { child: (): Log => log },
  );
  const userMetrics = new MetricsRegistry();
  userMetrics.register({
    name: 'tailscaled_health_messages',
    kind: 'gauge',
    help: 'h',
    read: () => [{ labels: { type: 'warning' }, value: 2 }],
  });
  const server = await LocalApiServer.listen({
    ...parts,
    socketPath: path,
    backend: world.backend,
    clock: world.clock,
    version: '1.2.3-t0123456789',
    capability: 130,
    clientMetrics: new MetricsRegistry(),
    userMetrics,
    shutdown: () => {
      ended = true;
    },
    log,
    daemonUid: 0,
    credentialsOf: () => api.as,
    uidOf: async (user) => (user === 'operator' ? 1_000 : undefined),
  });
  const api: Api = {
    world,
    path,
    server,
    bugs,
    as: ROOT,
    ended: () => ended,
    call: (method, target, options) => call(path, method, target, options),
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await world.backend[Symbol.asyncDispose]();
      await rm(dir, { recursive: true });
    },
  };
  return api;
}

export function call(
  path: string,
  method: string,
  target: string,
  options: CallOptions = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        socketPath: path,
        path: target.startsWith('/') ? target : `/localapi/v0/${target}`,
        method,
        headers: { Host: 'local-tailscaled.sock', ...options.headers },
        agent: false,
      },
      (response) => {
        const status = response.statusCode ?? 0;
        const { headers } = response;
        if (options.onlyHead === true) {
          request.destroy();
          resolve({ status, headers, body: '' });
          return;
        }
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status, headers, body }));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}
