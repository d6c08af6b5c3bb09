/** The dns commands: settings go over the file and come back, records come and go, mistakes say what to write. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { systemClock } from '#shared/node/clock.ts';
import { runProgram } from './program.ts';

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}
type Run = (...args: readonly string[]) => Promise<Ran>;

async function state(config: object): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'rhumb-dns-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'c.json');
  writeFileSync(
    file,
    JSON.stringify({ stateDir: join(folder, 'state'), baseDomain: 'net.example', ...config }),
  );
  const run: Run = async (...args) => {
    const [out, err]: [string[], string[]] = [[], []];
    const exit = await runProgram([...args, '-c', file], {
      clock: systemClock(),
      random: () => 0.5,
      openLog: () => silent,
      out: (text) => out.push(text),
      err: (text) => err.push(text),
      ending: AbortSignal.timeout(5_000),
    });
    return { exit, out: out.join('\n'), err: err.join('\n') };
  };
  expect((await run('users', 'create', 'ann')).exit).toBe(0);
  return run;
}

test('settings go over the file, and default gives them back', async () => {
  const run = await state({ dns: { nameservers: ['1.1.1.1'], splitDns: { 'a.example': ['10.0.0.1'] } } });
  const set = await run(
    ...['dns', 'set', '--magic-dns', 'on', '--nameservers', '9.9.9.9,+149.112.112.112'],
    ...[
      '--split',
      'b.example=10.0.0.2,10.0.0.3',
      '--split',
      'a.example=none',
      '--search-domains',
      'b.example',
    ],
  );
  expect(set.exit).toBe(0);
  expect(set.out).toMatch(/MagicDNS +on +dns set/);
  expect(set.out).toMatch(/Nameservers +9\.9\.9\.9, 149\.112\.112\.112 \(also with an exit node\) +dns set/);
  expect(set.out).toMatch(/Split: b\.example +10\.0\.0\.2, 10\.0\.0\.3/);
  expect(set.out).not.toMatch(/a\.example/);
  const back = await run('dns', 'set', '--nameservers', 'default', '--search-domains', 'none');
  expect(back.out).toMatch(/Nameservers +1\.1\.1\.1$/m);
  expect(back.out).toMatch(/Search domains +none +dns set/);
  expect(JSON.parse((await run('dns', 'show', '-o', 'json')).out)).toMatchObject({
    magic_dns: true,
    changed: ['magic_dns', 'split_dns', 'search_domains'],
  });
});

test('records are added with a note where they will not work, listed and removed', async () => {
  const run = await state({ dns: { extraRecords: [{ name: 'a.example.org', value: '192.0.2.1' }] } });
  expect((await run('dns', 'records', 'add', 'b.example.org', '192.0.2.2', '--comment', 'x')).err).toBe('');
  const note = await run('dns', 'records', 'add', '_x.example.org', 'some text', '--type', 'TXT');
  expect([note.exit, note.err]).toEqual([
    0,
    expect.stringMatching(/^note: _x\.example\.org: .*dns\.responder/),
  ]);
  expect((await run('dns', 'records', 'list')).out.split('\n')).toEqual([
    expect.stringMatching(/^ID +Name +Type +Value +From +Comment$/),
    expect.stringMatching(/a\.example\.org +A +192\.0\.2\.1 +config$/),
    expect.stringMatching(/^1 +b\.example\.org +A +192\.0\.2\.2 +api +x$/),
    expect.stringMatching(/^2 +_x\.example\.org +TXT +some text +api$/),
  ]);
  expect((await run('dns', 'records', 'remove', '1')).exit).toBe(0);
  expect((await run('dns', 'records', 'remove', '_x.example.org', 'some text', '--type', 'TXT')).exit).toBe(
    0,
  );
  expect((await run('dns', 'records', 'list')).out.split('\n')).toHaveLength(2);
});

test.each([
  [['set'], 5, /say what to set/],
  [['set', '--magic-dns', 'yes'], 5, /--magic-dns takes on, off or default/],
  [['set', '--split', 'a.example'], 5, /DOMAIN=SERVERS/],
  [['set', '--nameservers', '1.1.1.1,tls://x'], 5, /nameservers\.1: "tls:\/\/x"/],
  [['records', 'add', 'wiki', '192.0.2.1'], 5, /write the whole name/],
  [['records', 'remove', 'wiki'], 5, /number of the record, or its name and value/],
  [['records', 'remove', '7'], 3, /no record 7/],
] satisfies [string[], number, RegExp][])('dns %j is refused', async (args, exit, words) => {
  const run = await state({});
  const ran = await run('dns', ...args);
  expect([ran.exit, ran.err]).toEqual([exit, expect.stringMatching(words)]);
});
