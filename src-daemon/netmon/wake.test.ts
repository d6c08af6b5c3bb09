/** What counts as sleep; and that the kernel's clock can be watched, a stopped process being the sleep at hand. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { asleepMs } from '../ffi/clocks.ts';
import { type ClockReading, hasSlept, watchWake } from './wake.ts';

const HOUR = 3_600_000;
const at = (asleep: number, wall: number, awake: number): ClockReading => ({
  asleepMs: asleep,
  wallMs: wall,
  awakeMs: awake,
});

test.each([
  { name: 'an hour awake is no sleep', after: at(0, HOUR, HOUR), want: false },
  { name: 'an hour asleep is', after: at(HOUR, HOUR, 0), want: true },
  { name: 'a second asleep is', after: at(1_000, 1_000, 0), want: true },
  { name: 'the clocks read one after the other are no sleep', after: at(0.1, 1, 1), want: false },
  { name: 'a clock put right by a minute is no sleep', after: at(0, 61_000, 1_000), want: false },
  { name: 'a clock put back by a year is no sleep', after: at(0, -8_760 * HOUR, 0), want: false },
  { name: 'a machine paused from outside for an hour was asleep', after: at(0, HOUR, 0), want: true },
])('$name', ({ after, want }) => expect(hasSlept(at(0, 0, 0), after)).toBe(want));

describe.runIf(process.platform === 'linux')('on Linux', () => {
  test('the time asleep is read', () => expect(asleepMs()).toBeGreaterThan(-1));

  test('the watcher opens without privilege and closes when told', async () => {
    const stop = new AbortController();
    const ended = watchWake(() => undefined, stop.signal);
    stop.abort();
    await expect(ended).resolves.toBeUndefined();
    await expect(watchWake(() => undefined, stop.signal)).resolves.toBeUndefined();
  });

  test('a process that was stopped and goes on is told', async () => {
    const program = `
      import { watchWake } from '${new URL('./wake.ts', import.meta.url)}';
      const stop = new AbortController();
      const ended = watchWake(() => { console.log('woke'); stop.abort(); }, stop.signal);
      console.log('ready');
      const keep = setInterval(() => undefined, 1_000);
      await ended;
      clearInterval(keep);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: string[] = [];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said.push(text.trim());
      if (text.includes('ready')) {
        child.kill('SIGSTOP');
        child.kill('SIGCONT');
      }
    });
    const [code] = await once(child, 'close');
    expect(said.join(' ')).toBe('ready woke');
    expect(code).toBe(0);
  });
});
