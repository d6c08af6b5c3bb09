/** A relay under test: ours or the official one, each as its own process with the same duties. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RhumbError } from '#shared/errors.ts';
import { exec } from '../e2e/lab/exec.ts';
import { ROOT } from '../e2e/lab/figures.ts';
import { until } from '../e2e/lab/wait.ts';
import { LoadClient, type RelayTarget } from './relay-client.ts';

const HOST = '127.0.0.1';
/** Of proc_pid_stat(5), as everywhere on Linux. */
const TICKS_PER_S = 100;

export interface RelayProgram extends AsyncDisposable {
  readonly name: string;
  readonly target: RelayTarget;
  cpuSeconds(): number;
  residentBytes(): number;
}

/** `derper` is the official program's path; without one it is ours. */
export async function startRelay(options: {
  readonly derper: string | undefined;
  readonly isTls: boolean;
}): Promise<RelayProgram> {
  const { derper, isTls } = options;
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-bench-relay-'));
  const port = await freePort();
  const target: RelayTarget = { host: HOST, port, isTls };
  const certificate = ['-hostname', HOST, '-certmode', derper === undefined ? 'self' : 'manual'];
  const common = ['-a', `${HOST}:${port}`, '-stun=false', '-http-port', '-1', '-certdir', folder];
  const argv = [...common, '-c', join(folder, 'key.json'), ...(isTls ? certificate : [])];
  const child = spawn(derper ?? join(ROOT, 'bin/rhumb-relay'), argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => {
      said = `${said}${text.toString()}`.slice(-4_000);
    });
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until('the relay to answer', async () => {
      if (child.exitCode !== null) throw new RhumbError('unavailable', `the relay ended: ${said}`);
      (await LoadClient.open(target)).socket.destroy();
      return true;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const pid = child.pid ?? 0;
  return {
    name: derper === undefined ? 'rhumb-relay' : await derperName(derper),
    target,
    cpuSeconds: () => cpuSeconds(pid),
    residentBytes: () => residentBytes(pid),
    [Symbol.asyncDispose]: stop,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function derperName(path: string): Promise<string> {
  const { stdout } = await exec([path, '-version'], { mayFail: true });
  return `derper ${/\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? 'of unknown version'}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : undefined;
      server.close(() =>
        port === undefined ? reject(new RhumbError('unavailable', 'no free port')) : resolve(port),
      );
    });
  });
}

function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

const residentBytes = (pid: number): number =>
  1_024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
