/** A coordination server and one rhumbd without a device, on the loopback, for whoever speaks with it over a bridge. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#shared/node/clock.ts';
import { LocalApi } from '#shared/node/localapi-client.ts';
import { type Loopback, loopback } from '../../src-control/testing/loopback.ts';

export interface BridgeWorld extends AsyncDisposable {
  readonly control: Loopback;
  readonly api: LocalApi;
  readonly socketPath: string;
  /** A link to the daemon's page, as `rhumb web` gets it. */
  link(isReadonly: boolean): Promise<URL>;
}

export async function bridgeWorld(): Promise<BridgeWorld> {
  await using stack = new AsyncDisposableStack();
  const control = stack.use(await loopback());
  const folder = await mkdtemp(join(tmpdir(), 'rhumb-bridge-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const socketPath = join(folder, 'rhumbd.sock');
  const daemon = spawn(
    process.execPath,
    ['src-daemon/main.ts', '--tun=none', '--port=0', `--statedir=${folder}`, `--socket=${socketPath}`],
    { stdio: ['ignore', 'ignore', 'pipe'], cwd: join(import.meta.dirname, '..', '..') },
  );
  let said = '';
  daemon.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-20_000);
  });
  stack.defer(async () => {
    if (daemon.exitCode !== null) return;
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
  });
  const api = stack.use(new LocalApi({ socketPath, clock: systemClock(), dialRetryMs: 20_000 }));
  try {
    await api.status({ peers: false });
  } catch (error) {
    throw new Error(`rhumbd did not start: ${said}`, { cause: error });
  }
  const parts = stack.move();
  return {
    control,
    api,
    socketPath,
    link: async (isReadonly) => {
      const query = isReadonly ? '?readonly=true' : '';
      const reply = (await api.post(`rhumb/web${query}`, undefined)) as { readonly URL: string };
      return new URL(reply.URL);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
