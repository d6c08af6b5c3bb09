/** The unit file: what systemd makes of it, and what it must and must not say. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseFlags } from './flags.ts';

const UNIT = join(import.meta.dirname, '../resources/systemd/rhumbd.service');
const DEFAULTS = join(import.meta.dirname, '../resources/default/rhumbd');
const ANALYZE = '/usr/bin/systemd-analyze';
/** Of ten; a service without any limits has 9.6. */
const MOST_EXPOSED = 3.2;

const text = readFileSync(UNIT, 'utf8');

test('never drops the kill switch at the end of a run', () => {
  expect(text).not.toMatch(/^ExecStop/m);
});

test('starts the daemon with flags that it knows', () => {
  const line = /^ExecStart=\S+ (.*)$/m.exec(text)?.[1] ?? '';
  const args = line.replace('$FLAGS', '').trim().split(' ');
  const env = Object.fromEntries(
    [...readFileSync(DEFAULTS, 'utf8').matchAll(/^(\w+)="(.*)"$/gm)].map(([, name, value]) => [name, value]),
  );
  const flags = parseFlags(args, env);
  expect(flags).toMatchObject({
    kind: 'run',
    options: { stateDir: '/var/lib/rhumb', socket: '/run/rhumb/rhumbd.sock', port: 41_641, tun: 'rhumb0' },
  });
});

/** A copy whose program exists, since systemd wants it to. */
function installed(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-unit-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'rhumbd');
  writeFileSync(program, '#!/bin/sh\n');
  chmodSync(program, 0o755);
  const unit = join(folder, 'rhumbd.service');
  writeFileSync(unit, text.replace('/usr/sbin/rhumbd', program).replace(/^Documentation=.*\n/m, ''));
  return unit;
}

function analyze(...args: readonly string[]): string {
  return execFileSync(ANALYZE, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

test.skipIf(!existsSync(ANALYZE))('is understood by systemd, and closes what the daemon needs not', () => {
  const unit = installed();
  expect(analyze('verify', '--man=no', unit)).toBe('');
  const judged = analyze('security', '--offline=true', '--no-pager', unit);
  const level = Number(/exposure level for \S+: ([\d.]+)/.exec(judged)?.[1]);
  expect(level).toBeLessThan(MOST_EXPOSED);
});
