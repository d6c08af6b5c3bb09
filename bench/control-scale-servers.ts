/** The coordination servers under test: ours and Headscale, each a process of its own with the same duties. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { RhumbError } from '#shared/errors.ts';
import { exec } from '../e2e/lab/exec.ts';
import { ROOT } from '../e2e/lab/figures.ts';
import { until } from '../e2e/lab/wait.ts';

const HOST = '127.0.0.1';
const BASE_DOMAIN = 'scale.rhumb.net';

/** What an administrator does in the benchmark. */
export interface CoordinationServer extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  addUser(name: string): Promise<void>;
  /** A reusable key of a user. */
  authKey(user: string): Promise<string>;
  setPolicy(text: string): Promise<void>;
  approveRoutes(nodeId: number, routes: readonly string[]): Promise<void>;
}

const createdKey = z.object({ key: z.string() });

export async function startOurs(): Promise<CoordinationServer> {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-scale-'));
  const port = await freePort();
  const url = `http://${HOST}:${port}`;
  const bin = join(ROOT, 'bin/rhumb-control');
  const flags = ['--listen', `${HOST}:${port}`, '--server-url', url, '--base-domain', BASE_DOMAIN];
  const running = await start({
    argv: [bin, 'serve', '--state-dir', folder, ...flags],
    folder,
    url,
  });
  const cli = async (...args: readonly string[]): Promise<unknown> => {
    const { stdout } = await exec([bin, ...args, '--state-dir', folder, '--output', 'json']);
    return JSON.parse(stdout);
  };
  const call = (name: string, arg: object): Promise<void> => adminCall(join(folder, 'admin.sock'), name, arg);
  return {
    name: 'rhumb-control',
    url,
    pid: running.pid,
    addUser: async (name) => void (await cli('users', 'create', name)),
    authKey: async (user) =>
      createdKey.parse(await cli('preauthkeys', 'create', '--user', user, '--reusable', '--expiration', '1h'))
        .key,
    setPolicy: (text) => call('policy.set', { text }),
    approveRoutes: (nodeId, routes) => call('routes.approve', { node: `${nodeId}`, routes }),
    [Symbol.asyncDispose]: () => running.stop(),
  };
}

/** Straight to the socket: a program's own start would hide most of the time. */
function adminCall(socketPath: string, name: string, arg: object): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = http.request({ socketPath, path: `/admin/${name}`, method: 'POST' }, (response) => {
    let text = '';
    response.on('data', (part: Buffer) => {
      text += part.toString();
    });
    response.on('end', () => {
      if (response.statusCode === 200) resolve();
      else reject(new RhumbError('unavailable', `${name} was answered with ${response.statusCode}: ${text}`));
    });
  });
  request.on('error', reject);
  request.end(JSON.stringify(arg));
  return promise;
}

const createdUser = z.object({ id: z.union([z.string(), z.number()]) });

export async function startHeadscale(program: string): Promise<CoordinationServer> {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-scale-headscale-'));
  const [port, metrics, grpc] = [await freePort(), await freePort(), await freePort()];
  const url = `http://${HOST}:${port}`;
  const config = join(folder, 'config.yaml');
  mkdirSync(join(folder, 'state'), { mode: 0o700 });
  writeFileSync(join(folder, 'derp.yaml'), RELAYS);
  writeFileSync(config, headscaleConfig(join(folder, 'state'), folder, { port, metrics, grpc }));
  const running = await start({ argv: [program, 'serve', '--config', config], folder, url });
  const cli = async (...args: readonly string[]): Promise<unknown> => {
    const { stdout } = await exec([program, ...args, '--config', config, '--output', 'json']);
    return JSON.parse(stdout);
  };
  const users = new Map<string, string>();
  const apiKey = z
    .union([z.string(), createdKey.transform(({ key }) => key)])
    .parse(await cli('apikeys', 'create'));
  const call = async (method: string, path: string, body: object): Promise<void> => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new RhumbError('unavailable', `Headscale answered ${answer.status}: ${text}`);
  };
  const { stdout } = await exec([program, 'version'], { mayFail: true });
  return {
    name: `headscale ${/version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version'}`,
    url,
    pid: running.pid,
    addUser: async (name) => {
      users.set(name, String(createdUser.parse(await cli('users', 'create', name)).id));
    },
    authKey: async (user) =>
      createdKey.parse(
        await cli(
          'preauthkeys',
          'create',
          '--user',
          users.get(user) ?? '',
          '--reusable',
          '--expiration',
          '1h',
        ),
      ).key,
    setPolicy: (text) => call('PUT', '/api/v1/policy', { policy: text }),
    approveRoutes: (nodeId, routes) => call('POST', `/api/v1/node/${nodeId}/approve_routes`, { routes }),
    [Symbol.asyncDispose]: () => running.stop(),
  };
}

interface Running {
  readonly pid: number;
  stop(): Promise<void>;
}

async function start(what: {
  readonly argv: readonly [string, ...string[]];
  readonly folder: string;
  readonly url: string;
}): Promise<Running> {
  const [program, ...args] = what.argv;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      said = `${said}${text.toString()}`.slice(-4_000);
    });
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(what.folder, { recursive: true, force: true });
  };
  try {
    await until(`${program} to answer`, async () => {
      if (child.exitCode !== null) throw new RhumbError('unavailable', `it ended: ${said}`);
      return (await fetch(`${what.url}/key?v=130`, { signal: AbortSignal.timeout(2_000) })).ok;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: child.pid ?? 0, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer();
  probe.on('error', reject);
  probe.listen(0, HOST, () => {
    const bound = probe.address();
    const port = typeof bound === 'object' ? bound?.port : undefined;
    probe.close(() =>
      port === undefined ? reject(new RhumbError('unavailable', 'no free port')) : resolve(port),
    );
  });
  return promise;
}

/** It will not start without a relay; this one never answers. */
const RELAYS = `regions:
  900:
    regionid: 900
    regioncode: none
    regionname: None
    nodes:
      - name: 900a
        regionid: 900
        hostname: ${HOST}
        ipv4: ${HOST}
        stunport: -1
        derpport: 9
`;

const headscaleConfig = (
  state: string,
  folder: string,
  ports: { readonly port: number; readonly metrics: number; readonly grpc: number },
): string => `server_url: http://${HOST}:${ports.port}
listen_addr: ${HOST}:${ports.port}
metrics_listen_addr: ${HOST}:${ports.metrics}
grpc_listen_addr: ${HOST}:${ports.grpc}
disable_check_updates: true
noise:
  private_key_path: ${state}/noise.key
prefixes:
  v4: 100.64.0.0/10
  v6: fd7a:115c:a1e0::/48
  allocation: sequential
derp:
  server:
    enabled: false
  urls: []
  paths:
    - ${folder}/derp.yaml
  auto_update_enabled: false
database:
  type: sqlite
  sqlite:
    path: ${state}/db.sqlite
    write_ahead_log: true
log:
  level: error
policy:
  mode: database
dns:
  magic_dns: true
  override_local_dns: false
  base_domain: ${BASE_DOMAIN}
unix_socket: ${state}/headscale.sock
unix_socket_permission: "0700"
`;
