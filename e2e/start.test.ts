/** `npm start -- --check`: two machines reach each other, nothing stays behind, and being killed half-way is no harm. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exec } from './lab/exec.ts';
import { ROOT } from './lab/figures.ts';
import { leftOf, RUNS } from './lab/run.ts';
import { whyNot } from './lab/scenario.ts';
import { until } from './lab/wait.ts';

const SETUP = join(ROOT, 'tools/setup.mjs');

interface Started {
  readonly child: ChildProcess;
  output(): string;
}

function start(...flags: readonly string[]): Started {
  const child = spawn(process.execPath, [SETUP, 'tools/start.ts', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  return { child, output: () => said };
}

/** The run that this start owns, once it has begun. */
async function runOf({ child }: Started): Promise<string> {
  return await until('npm start to begin its run', async () => {
    const tools = await childrenOf(child.pid ?? 0);
    return readdirSync(RUNS).find((id) => tools.includes(ownerOf(id)));
  });
}

function ownerOf(id: string): number {
  try {
    return Number(readFileSync(join(RUNS, id, 'owner'), 'latin1').split(' ')[0]);
  } catch {
    return 0; // it has just ended
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await exec(['ps', '-o', 'pid=', '--ppid', `${pid}`], { mayFail: true });
  return stdout
    .split('\n')
    .map(Number)
    .filter((one) => one > 0);
}

const ended = (one: Started): Promise<number> =>
  until('npm start to end', () => one.child.exitCode ?? (one.child.signalCode === null ? undefined : 128), {
    timeoutMs: 60_000,
  });

test('a check in namespaces passes and leaves nothing', async ({ skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const run = start('--check');
  const id = await runOf(run);
  expect(await ended(run), run.output()).toBe(0);
  expect(run.output()).toContain('check passed');
  expect(leftOf(id)).toEqual([]);
});

test('a check with this machine passes and leaves nothing', async ({ skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const run = start('--check', '--here');
  const id = await runOf(run);
  expect(await ended(run), run.output()).toBe(0);
  expect(leftOf(id)).toEqual([]);
  const tun = /this machine, interface (\w+)/.exec(run.output())?.[1];
  expect(tun).toMatch(/^rhumb\d+$/);
  expect(Object.keys(networkInterfaces())).not.toContain(tun);
  const { stdout: routes } = await exec(['ip', 'route', 'show', 'table', 'all', 'dev', 'lo'], {
    mayFail: true,
  });
  expect(routes).not.toMatch(/100\.64\./);
});

test('a check that was killed half-way is cleaned up by the next, which passes', async ({ skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const first = start('--check', '--here');
  const id = await runOf(first);
  await until('it to have built something', () => leftOf(id).length > 3);
  // The set-up program and the tool that it became, as an impatient user would.
  for (const pid of [...(await childrenOf(first.child.pid ?? 0)), first.child.pid ?? 0])
    process.kill(pid, 'SIGKILL');
  await ended(first);
  const second = start('--check');
  expect(await ended(second), second.output()).toBe(0);
  expect(leftOf(id)).toEqual([]);
});

test('a network runs until it is told to end, and then everything is removed', async ({ skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const run = start('--isolated');
  const id = await runOf(run);
  await until('the network to be up', () => run.output().includes('Ctrl-C') || run.child.exitCode !== null, {
    timeoutMs: 60_000,
  });
  expect(run.output()).toMatch(/second machine\s+100\.64\.\d+\.\d+/);
  run.child.kill('SIGINT');
  expect(await ended(run), run.output()).toBe(0);
  expect(leftOf(id)).toEqual([]);
});

test('when npm is killed, the network it started ends by itself', async ({ skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const run = start('--isolated');
  const id = await runOf(run);
  await until('it to have built something', () => leftOf(id).length > 3);
  run.child.kill('SIGKILL');
  await until('everything to be removed', () => leftOf(id).length === 0, { timeoutMs: 30_000 });
});
