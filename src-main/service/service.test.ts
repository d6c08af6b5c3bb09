/** What is run for the service on each system, word by word; and what its answers mean. */
import { describe, expect, test } from 'vitest';
import { adminArgv, darwinService, jobState, logTail, PLIST, printJob } from './darwin.ts';
import { lastLines, lineReaders } from './lines.ts';
import { bootQuestion, HELPER, helperArgv, journalTail, linuxService, showUnit, stateOf } from './linux.ts';
import { programRunner } from './run.ts';
import type { Argv, Ran, RunProgram, Service, Verb } from './types.ts';
import { elevatedArgv, scArgv, scState, verifyPipeArgv, windowsService } from './windows.ts';

const never = new AbortController().signal;

/** Keeps what is run and gives one answer to all of it. */
function runner(answer: Partial<Ran> = {}): { run: RunProgram; ran: Argv[] } {
  const ran: Argv[] = [];
  const run: RunProgram = async (argv) => {
    ran.push(argv);
    return { code: 0, output: '', ...answer };
  };
  return { run, ran };
}

const LAST = Array.from({ length: 20 }, (_, n) => `line ${n + 10}`);

describe('what a program writes', () => {
  test('is told in lines, across pieces, letters and both its outputs', () => {
    const told: string[] = [];
    const reader = lineReaders((line) => void told.push(line));
    const [out, err] = [reader(), reader()];
    const bytes = Buffer.from('grün\nrest');
    out.take(bytes.subarray(0, 3));
    err.take('\u001b[31mwrong\u001b[0m\u0007\r\n\n');
    out.take(bytes.subarray(3));
    out.end();
    err.end();
    expect(told).toEqual(['wrong', 'grün', 'rest']);
  });

  test('is no more than a page can hold, whatever it writes', () => {
    const told: string[] = [];
    const { take } = lineReaders((line) => void told.push(line))();
    for (let n = 0; n < 1_000; n++) take(`${'x'.repeat(10_000)}\n`);
    expect([told.length, Math.max(...told.map(({ length }) => length))]).toEqual([200, 500]);
    expect(lastLines('\u001b[1ma\u0000b\n\nc', 1)).toEqual(['c']);
  });

  test.skipIf(process.platform === 'win32')('comes while it runs', async () => {
    const told: string[] = [];
    const onLine = (line: string): void => void told.push(line);
    const { code, output } = await programRunner({})(['/bin/sh', '-c', 'echo one; echo two >&2; exit 3'], {
      timeoutMs: 10_000,
      onLine,
    });
    expect([told.sort(), code, output]).toEqual([['one', 'two'], 3, 'one\ntwo\n']);
  });
});

describe('Linux', () => {
  const service = (answer: Partial<Ran>, hasHelper = true): { service: Service; ran: Argv[] } => {
    const { run, ran } = runner(answer);
    return { service: linuxService(run, (path) => hasHelper && path === HELPER), ran };
  };

  test.each<Verb>(['install', 'start', 'restart', 'grant-operator', 'enable-forwarding'])(
    '%s is one word to the helper',
    async (verb) => {
      const { service: made, ran } = service({});
      await made.run(verb, never);
      expect(ran).toEqual([['/usr/bin/pkexec', '/usr/lib/rhumb/rhumb-helper', verb]]);
      expect(helperArgv(verb)).toHaveLength(3);
    },
  );

  test('asks systemd without a password', async () => {
    const { service: made, ran } = service({ output: 'LoadState=loaded\nActiveState=active\n' });
    expect(await made.state()).toBe('running');
    expect(ran).toEqual([showUnit]);
  });

  test.each<readonly [string, Ran, string]>([
    ['not there', { code: 0, output: 'LoadState=not-found\nActiveState=inactive\n' }, 'not-installed'],
    ['stopped', { code: 0, output: 'LoadState=loaded\nActiveState=inactive\n' }, 'stopped'],
    ['failed', { code: 0, output: 'LoadState=loaded\nActiveState=failed\n' }, 'stopped'],
    ['starting', { code: 0, output: 'LoadState=loaded\nActiveState=activating\n' }, 'running'],
    ['without systemd', { code: -1, output: '' }, 'not-installed'],
  ])('a unit that is %s', (_name, ran, state) => expect(stateOf(ran)).toBe(state));

  test.each([
    [126, 'nothing was changed'],
    [127, 'administrator has to allow'],
    [1, 'Job for rhumbd.service failed'],
  ])('a helper that ends with %i is told in words', async (code, words) => {
    const { service: made } = service({ code, output: 'x\nJob for rhumbd.service failed\n' });
    await expect(made.run('start', never)).rejects.toThrow(words);
  });

  test.each<readonly [string, string, boolean | null]>([
    ['enabled', 'enabled\n', true],
    ['disabled', 'disabled\n', false],
    ['masked', 'masked\n', null],
    ['not there', 'not-found\n', null],
    ['unknown', '', null],
  ])('a unit that is %s starts with the computer or not', async (_name, output, want) => {
    const { service: made, ran } = service({ output });
    expect((await made.look()).isAtBoot).toBe(want);
    // As the person himself: nothing of it asks for a password.
    expect(ran).toEqual([bootQuestion, journalTail]);
  });

  test.each<readonly [string, Partial<Ran>, readonly string[] | null]>([
    ['are the last twenty', { output: Array.from({ length: 30 }, (_, n) => `line ${n}\n`).join('') }, LAST],
    ['are none that may be read', { code: 1, output: 'No journal files were opened' }, []],
    ['are none without a journal', { code: -1 }, null],
  ])('the lines of the service %s', async (_name, answer, want) => {
    expect((await service(answer).service.look()).lines).toEqual(want);
  });

  test('forwarding is for where the helper is', () => {
    expect([service({}).service.canForward(), service({}, false).service.canForward()]).toEqual([
      true,
      false,
    ]);
  });

  test('without the package nothing is run as root', async () => {
    const { service: made, ran } = service({}, false);
    await expect(made.run('install', never)).rejects.toThrow('install the package rhumb-daemon');
    expect(ran).toEqual([]);
  });
});

describe('macOS', () => {
  const isFine = async (): Promise<void> => undefined;
  const app = (status = 'enabled') => {
    const did: string[] = [];
    return {
      did,
      daemonItem: () => status,
      setDaemonItem: (plist: string, isOn: boolean) => void did.push(`${plist} ${isOn}`),
    };
  };

  test('the bundle registers its daemon, and registers it anew to restart it', async () => {
    const { run, ran } = runner();
    const system = app();
    const service = darwinService(run, system, () => false, isFine);
    await service.run('install', never);
    await service.run('restart', never);
    expect(system.did).toEqual([`${PLIST} true`, `${PLIST} false`, `${PLIST} true`]);
    expect(ran).toEqual([]);
  });

  test('an installed daemon is started by launchd, after the system has asked', async () => {
    const { run, ran } = runner();
    await darwinService(run, app(), () => true, isFine).run('start', never);
    expect(ran).toEqual([adminArgv('start')]);
    expect(ran[0]).toEqual([
      '/usr/bin/osascript',
      '-e',
      'do shell script "/bin/launchctl kickstart system/io.rhumb.rhumbd" with administrator privileges',
    ]);
  });

  test('an approval that is missing says where to give it', async () => {
    const service = darwinService(runner().run, app('requires-approval'), () => false, isFine);
    await expect(service.run('install', never)).rejects.toThrow('System Settings');
  });

  test('a question that was closed changed nothing', async () => {
    const { run } = runner({ code: 1, output: 'execution error: User canceled. (-128)\n' });
    await expect(darwinService(run, app(), () => true, isFine).run('start', never)).rejects.toThrow(
      'nothing was changed',
    );
  });

  test('shows the end of its log, and leaves starting with the computer to System Settings', async () => {
    const { run, ran } = runner({ output: 'one\n' });
    const service = darwinService(run, app(), () => true, isFine);
    expect(await service.look()).toEqual({ isAtBoot: null, lines: ['one'] });
    expect(ran).toEqual([logTail]);
    expect(service.canForward()).toBe(false);
    await expect(service.run('enable-forwarding', never)).rejects.toThrow('Linux');
  });

  test('launchd says how the job is', () => {
    expect(printJob).toEqual(['/bin/launchctl', 'print', 'system/io.rhumb.rhumbd']);
    expect(jobState({ code: 0, output: '\tstate = running\n' })).toBe('running');
    expect(jobState({ code: 0, output: '\tstate = not running\n' })).toBe('stopped');
    expect(jobState({ code: 113, output: 'Could not find service' })).toBe('not-installed');
  });
});

describe('Windows', () => {
  test('asks sc.exe by its whole path', () => {
    expect(scArgv('query')).toEqual(['C:\\Windows\\System32\\sc.exe', 'query', 'rhumbd']);
    expect(scState({ code: 0, output: '        STATE              : 4  RUNNING \r\n' })).toBe('running');
    expect(scState({ code: 0, output: '        STATE              : 1  STOPPED \r\n' })).toBe('stopped');
    expect(scState({ code: 1060, output: '' })).toBe('not-installed');
  });

  test('starts as the person first, and asks for an administrator only when it must', async () => {
    const ran: Argv[] = [];
    const service = windowsService(async (argv) => {
      ran.push(argv);
      return { code: ran.length === 1 ? 5 : 0, output: '' };
    });
    await service.run('start', never);
    expect(ran).toEqual([scArgv('start'), elevatedArgv('start')]);
    expect(elevatedArgv('restart').at(-1)).toContain('Restart-Service rhumbd');
  });

  test('the pipe is verified by the installed program', () => {
    const pipe = '\\\\.\\pipe\\rhumbd';
    expect(verifyPipeArgv('C:\\Program Files\\Rhumb', pipe)).toEqual([
      'C:\\Program Files\\Rhumb\\resources\\daemon\\rhumb.exe',
      'service',
      'verify-pipe',
      pipe,
    ]);
  });

  test('has no lines to show, and no forwarding to switch on', async () => {
    const { run, ran } = runner();
    const service = windowsService(run);
    expect(await service.look()).toEqual({ isAtBoot: null, lines: null });
    expect(service.canForward()).toBe(false);
    await expect(service.run('enable-forwarding', never)).rejects.toThrow('Linux');
    expect(ran).toEqual([]);
  });

  test('what only the installer can do says so', async () => {
    await expect(windowsService(runner().run).run('install', never)).rejects.toThrow('installer');
  });
});
