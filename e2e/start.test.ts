/** `npm start -- --check`: two machines reach each other, nothing stays behind, and being killed half-way is no harm. */
import { type ChildProcess, spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exec } from './lab/exec.ts';
import { ROOT } from './lab/figures.ts';
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

/** What a run could leave on this machine: namespaces, interfaces, routes. */
async function traces(): Promise<string[]> {
  const { stdout: routes } = await exec(['ip', 'route', 'show', 'table', 'all']);
  const { stdout: routes6 } = await exec(['ip', '-6', 'route', 'show', 'table', 'all']);
  const { stdout: spaces } = await exec(['ip', 'netns', 'list']);
  const own = spaces.split('\n').filter((line) => line.startsWith('rl'));
  const overlay = `${routes}${routes6}`
    .split('\n')
    .filter((line) => /^(local )?(100\.64\.|fd7a:115c:a1e0:|10\.77\.)/.test(line));
  return [...own, ...overlay, ...Object.keys(networkInterfaces()).filter((name) => /^(rl|rhumb)/.test(name))];
}

const ended = (one: Started): Promise<number> =>
  until('npm start to end', () => one.child.exitCode ?? (one.child.signalCode === null ? undefined : 128), {
    timeoutMs: 60_000,
  });

test.for([
  { name: 'in namespaces', flags: ['--check'] },
  { name: 'with this machine', flags: ['--check', '--here'] },
])('a check $name passes and leaves nothing', async ({ flags }, { skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const before = await traces();
  const run = start(...flags);
  expect(await ended(run), run.output()).toBe(0);
  expect(run.output()).toContain('check passed');
  expect(await traces()).toEqual(before);
});

test('a check that was killed half-way is cleaned up by the next, which passes', async ({ skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const before = await traces();
  const first = start('--check', '--here');
  await until('the first run to have begun', async () => (await traces()).length > before.length);
  // The whole tree of it, as a closed terminal or an impatient user would.
  for (const pid of await treeOf(first.child.pid ?? 0)) process.kill(pid, 'SIGKILL');
  await ended(first);
  const second = start('--check');
  expect(await ended(second), second.output()).toBe(0);
  expect(second.output()).toContain('removed what a killed run left behind');
  expect(await traces()).toEqual(before);
});

test('a network runs until it is told to end, and then everything is removed', async ({ skip }) => {
  const reason = whyNot(['curl']);
  if (reason !== undefined) skip(reason);
  const before = await traces();
  const run = start('--isolated');
  await until('the network to be up', () => run.output().includes('Ctrl-C') || run.child.exitCode !== null, {
    timeoutMs: 60_000,
  });
  expect(run.output()).toMatch(/second machine\s+100\.64\.\d+\.\d+/);
  run.child.kill('SIGINT');
  expect(await ended(run), run.output()).toBe(0);
  expect(await traces()).toEqual(before);
});

/** A process and the programs below it that share its fate: set-up, and the tool that it became. */
async function treeOf(pid: number): Promise<number[]> {
  const { stdout } = await exec(['ps', '-o', 'pid=', '--ppid', `${pid}`], { mayFail: true });
  return [
    pid,
    ...stdout
      .split('\n')
      .map(Number)
      .filter((one) => one > 0),
  ];
}
