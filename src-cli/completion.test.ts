/** Tests of completion: what is offered at each place, and the scripts in the shells that are here. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCli } from './testing/run-cli.ts';
import { peer, running, withDaemon } from './testing/two-machines.ts';

const status = { ...running, Peer: { [String(peer.PublicKey)]: { ...peer, ExitNodeOption: true } } };

const ASK = ['completion', '__complete', '--flags=false', '--'] as const;

/** The words that are offered, without what they are. */
async function offered(...words: string[]): Promise<readonly string[]> {
  const { out } = await withDaemon(['completion', '__complete', '--', ...words], { status });
  return out
    .split('\n')
    .map((line) => line.split('\t')[0] ?? '')
    .filter((word) => word !== '');
}

describe('what is offered', () => {
  test.each([
    [['sta'], ['status', ':4']],
    [
      ['dns', ''],
      ['status', 'query', ':4'],
    ],
    [
      ['--socket', '/x', 'dns', 's'],
      ['status', ':4'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', 'powershell', ':4'],
    ],
    [
      ['dns', 'status', '--'],
      ['--all', '--json', ':4'],
    ],
    [
      ['dns', 'status', '--all', '--'],
      ['--json', ':4'],
    ],
    [
      ['ping', 'th'],
      ['there.net.example', ':4'],
    ],
    [
      ['ping', '--c', '3', 'th'],
      ['there.net.example', ':4'],
    ],
    [['nc', 'there', ''], [':4']],
    [
      ['set', '--exit-node='],
      ['--exit-node=auto:any', '--exit-node=there.net.example', ':4'],
    ],
    [
      ['set', '--exit-node', 'th'],
      ['there.net.example', ':4'],
    ],
    [
      ['set', '--netfilter-mode='],
      ['--netfilter-mode=off', '--netfilter-mode=nodivert', '--netfilter-mode=on', ':4'],
    ],
    [
      ['set', '--shields-up=f'],
      ['--shields-up=false', ':4'],
    ],
    [
      ['get', 'host'],
      ['hostname', ':4'],
    ],
    [['--socket', ''], [':0']],
    [['metrics', 'write', ''], [':0']],
    [['frob', ''], [':4']],
  ])('%j', async (words, want) => {
    expect(await offered(...words)).toEqual(want);
  });

  test('each word is told what it is, unless that is not wanted', async () => {
    const { out } = await withDaemon(['completion', '__complete', '--', 'stat'], { status });
    expect(out).toBe('status\tShow the machines of the network and how they are reached\n:4\n');
    const bare = await withDaemon(['completion', '__complete', '--descs=false', '--', 'stat'], { status });
    expect(bare.out).toBe('status\n:4\n');
  });

  test.each(['$(touch x)', 'a b', '`x`', "a'b", '-x', ':1', 'a\nb', 'a;b', '~', '*'])(
    'a machine that calls itself %j is not offered, for shells would read it',
    async (name) => {
      const odd = { ...peer, DNSName: name, OS: 'x\ny' };
      const hostile = { ...running, Peer: { [String(peer.PublicKey)]: odd } };
      const { out } = await withDaemon([...ASK, 'ping', ''], { status: hostile });
      expect(out).toBe(':4\n');
    },
  );

  test('what a word is stays on its line', async () => {
    const odd = { ...running, Peer: { [String(peer.PublicKey)]: { ...peer, OS: 'x\n:1\ty' } } };
    const { out } = await withDaemon([...ASK, 'ping', ''], { status: odd });
    expect(out).toBe('there.net.example\t100.64.0.2 x :1 y\n:4\n');
  });

  test('a daemon that does not run offers nothing and says so by a bit', async () => {
    const { exit, out, err } = await runCli(
      ['--socket=/nonexistent/x.sock', 'completion', '__complete', '--flags=false', '--', 'ping', ''],
      { dialRetryMs: 0 },
    );
    expect({ exit, out, err }).toEqual({ exit: 0, out: ':1\n', err: '' });
  });
});

test.each([
  ['bash', ['-n']],
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
])('%s takes its script', async (shell, args) => {
  const { exit, out } = await runCli(['completion', shell]);
  expect(exit).toBe(0);
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-completion-'));
  const file = join(folder, 'script');
  writeFileSync(file, out);
  const result = spawnSync(shell, [...args, file], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  // Where there is no such shell, its script is only printed.
  if (result.error === undefined) expect(result).toMatchObject({ status: 0, stderr: '' });
});

test('bash puts the offers in place, also behind an equals sign', async () => {
  const { out: script } = await runCli(['completion', 'bash']);
  const program = (reply: string, ...words: string[]): readonly string[] => {
    const bash = `${script}
rhumb() { printf '%s\\n' ${reply}; }
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}
_rhumb
printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['--norc', '-c', bash], { encoding: 'utf8' }).stdout.trim().split('\n');
  };
  expect(program(`$'status\\tShow' $'statx\\tOther' :4`, 'rhumb', 'stat')).toEqual(['status', 'statx']);
  expect(program(`$'--exit-node=a.b\\tx' ':4'`, 'rhumb', 'set', '--exit-node=a')).toEqual(['a.b']);
  expect(program(`':1'`, 'rhumb', 'ping', '')).toEqual(['']);
});
