/** The commands as a whole: each is documented, each shell completes them, and every kind of failure has its exit status. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { scratchDir } from '../testing/loopback.ts';
import { buildProgram, runProgram } from './program.ts';
import type { ServeDeps } from './serve.ts';

const root = scratchDir();
afterAll(() => rmSync(root, { recursive: true, force: true }));

const deps = (out: (text: string) => void, err: (text: string) => void): ServeDeps => ({
  ...{ clock: systemClock(), random: () => 0.5, openLog: () => silent, out, err },
  ending: AbortSignal.timeout(5_000),
});

async function run(...args: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const exit = await runProgram(
    args,
    deps(
      (text) => out.push(text),
      (text) => err.push(text),
    ),
  );
  return { exit, out: out.join('\n'), err: err.join('\n') };
}

function leaves(command: Command, above: string): readonly string[] {
  return command.commands.flatMap((one) => {
    const here = `${above} ${one.name()}`.trim();
    const below = leaves(one, here);
    return one.registeredArguments.length > 0 || below.length === 0 ? [here, ...below] : below;
  });
}
const all = leaves(
  buildProgram(
    deps(
      () => undefined,
      () => undefined,
    ),
  ),
  '',
);

describe('every command', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/rhumb-control.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const documented = rows.flatMap((line) => {
    const [, names = ''] = line.split(/(?<!\\)\|/);
    return [...names.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
  });
  test.each(all)('%s stands in the table of the documentation', (name) => {
    const stands = documented.some((text) => text === name || text.startsWith(`${name} `));
    expect(stands, `add \`${name}\` to the commands in docs/rhumb-control.md`).toBe(true);
  });

  test('of the families that people look for is in the help', async () => {
    const { out } = await run('--help');
    for (const name of ['doctor', 'backup', 'audit', 'webhooks', 'migrate', 'completion', 'generate'])
      expect(out).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  });
});

describe('exit status', () => {
  const dir = join(root, 'state');
  const at = ['--state-dir', dir];
  beforeAll(async () => {
    mkdirSync(dir, { mode: 0o700 });
    expect(await run('users', 'create', 'alice', ...at)).toMatchObject({ exit: 0, err: '' });
  });

  test.each<[number, string, readonly string[]]>([
    [0, 'a list', ['users', 'list']],
    [0, 'help', ['nodes', 'list', '--help']],
    [0, 'a key that is kept nowhere', ['generate', 'private-key']],
    [1, 'what only a server knows', ['derp', 'map']],
    [1, 'webhooks without a server', ['webhooks', 'test', '1']],
    [2, 'no such command', ['user-list']],
    [2, 'no such option', ['users', 'list', '--nonsense']],
    [2, 'an argument too few', ['users', 'create']],
    [2, 'an option without its value', ['users', 'list', '--state-dir']],
    [3, 'a user who is not there', ['users', 'role', 'nobody', 'admin']],
    [3, 'a node that is not there', ['nodes', 'show', 'nowhere']],
    [3, 'a version that is not there', ['policy', 'rollback', '77']],
    [3, 'a key that is not there', ['preauthkeys', 'expire', '-i', '77']],
    [4, 'a name that is taken', ['users', 'create', 'alice']],
    [5, 'a role that there is not', ['users', 'role', 'alice', 'king']],
    [5, 'a span that is none', ['preauthkeys', 'create', '-u', 'alice', '-e', 'soon']],
    [5, 'an output that there is not', ['users', 'list', '-o', 'xml']],
    [5, 'a shell that there is not', ['completion', 'cmd']],
  ])('%i: %s', async (exit, _what, args) => {
    const more = args.at(-1) === '--state-dir' ? [] : at;
    const isPlain = ['completion', 'generate'].includes(args[0] ?? '');
    const ran = await run(...args, ...(isPlain ? [] : more));
    expect([ran.exit, ran.err]).toEqual([
      exit,
      exit === 0 ? '' : expect.stringMatching(/^rhumb-control: .+$/m),
    ]);
  });

  test('3: a state that is not there; 5: a configuration that is wrong', async () => {
    expect(await run('users', 'list', '--state-dir', join(root, 'none'))).toMatchObject({ exit: 3 });
    const file = join(root, 'wrong.yaml');
    writeFileSync(file, 'lissten: ":1"\n');
    expect(await run('configtest', '-c', file)).toMatchObject({ exit: 5 });
  });
});

describe('a configuration of Headscale', () => {
  const file = join(root, 'headscale.yaml');
  beforeAll(() =>
    writeFileSync(
      file,
      'server_url: https://vpn.example.com\nnoise: {private_key_path: n.key}\nlisten_addr: ":443"\ntuning: {x: 1}\noidc: {issuer: "https://id.example.com", client_id: vpn, client_secret: hush}\n',
    ),
  );
  test('is shown as one of ours, without its secrets, which means the same', async () => {
    const { exit, out } = await run('configtest', '-c', file);
    expect(exit).toBe(0);
    expect(out).toMatch(/^# ignored: tuning: /m);
    expect(out).toMatch(/^serverUrl: https:\/\/vpn\.example\.com$/m);
    expect(out).not.toContain('hush');
    const again = join(root, 'ours.yaml');
    writeFileSync(again, out);
    expect(await run('configtest', '-c', again)).toMatchObject({ exit: 0, err: '' });
  });
  test('is shown to programs with what was left', async () => {
    const { out } = await run('configtest', '-c', file, '-o', 'json');
    expect(JSON.parse(out)).toMatchObject({
      settings: { listen: ':443' },
      ignored: [{ key: 'noise.private_key_path' }, { key: 'tuning' }],
    });
  });
});

describe('completion', () => {
  const hasShell = (shell: string): boolean => existsSync(`/usr/bin/${shell}`) || existsSync(`/bin/${shell}`);

  test.runIf(hasShell('bash'))(
    'bash offers what may follow, also after options and other names',
    async () => {
      const { out } = await run('completion', 'bash');
      const offered = (...words: readonly string[]): readonly string[] => {
        const list = words.map((word) => `'${word}'`).join(' ');
        const ask = `COMP_WORDS=(rhumb-control ${list}); COMP_CWORD=${words.length}; _rhumb_control x '${words.at(-1)}'; echo "\${COMPREPLY[*]}"`;
        const { stdout, stderr } = spawnSync('bash', ['-c', `${out}\n${ask}`], { encoding: 'utf8' });
        expect(stderr).toBe('');
        return stdout.trim().split(' ');
      };
      expect(offered('--config', 'x.yaml', 'user', 'cr')).toEqual(['create']);
      expect(offered('dns', 'records', '')).toEqual(expect.arrayContaining(['list', 'add', 'remove']));
      expect(offered('preauthkeys', 'create', '--reu')).toEqual(['--reusable']);
      expect(offered('comp')).toEqual(['completion']);
    },
  );

  test.each(['bash', 'zsh', 'fish'].filter(hasShell))('%s can read its script', async (shell) => {
    const { out } = await run('completion', shell);
    const file = join(root, `completion.${shell}`);
    writeFileSync(file, out);
    expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  test.each(['bash', 'zsh', 'fish'])('%s knows every command', async (shell) => {
    const { out } = await run('completion', shell);
    for (const name of all) expect(out).toContain(`' ${name}'`);
  });
});
