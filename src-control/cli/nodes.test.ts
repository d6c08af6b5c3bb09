/** `nodes …` and `routes …` on a state without a server: what they do, say and exit with; and Headscale's flags. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { hostinfo } from '#shared/wire/hostinfo.ts';
import { Network } from '../state/network.ts';
import { sampleNode, sampleUser } from '../store/sample-records.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import { scratchDir } from '../testing/loopback.ts';
import { runProgram } from './program.ts';

const dir = scratchDir();
const clock = new FakeClock();
afterAll(() => rmSync(dir, { recursive: true, force: true }));

beforeAll(async () => {
  const store = await openSqliteStore(dir, 0);
  await using network = await Network.open({ store, clock, log: silent, defer: setImmediate });
  const routes = { hostinfo: hostinfo.parse({ RoutableIPs: ['10.0.0.0/8', '0.0.0.0/0', '::/0'] }) };
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      { put: 'user', value: { ...sampleUser, id: 2, name: 'bob' } },
      { put: 'node', value: sampleNode(1, { expiry: undefined }) },
      { put: 'node', value: sampleNode(2, { ...routes, expiry: undefined, approvedAt: undefined }) },
    ],
  });
});

async function run(...args: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const exit = await runProgram([...args, '--state-dir', dir], {
    ...{ clock, random: () => 0.5, openLog: () => silent },
    ...{ out: (text) => out.push(text), err: (text) => err.push(text) },
    ending: new AbortController().signal,
  });
  return { exit, out: out.join('\n'), err: err.join('\n') };
}

const says = async (line: string): Promise<string> => {
  const { exit, out, err } = await run(...line.split(' '));
  expect([line, exit, err]).toEqual([line, 0, '']);
  return out;
};

test.each([
  ['nodes show 1', /Name +host-1\.rhumb\.internal/],
  ['nodes show host-2', /Routes announced +10\.0\.0\.0\/8/],
  ['nodes list', /host-2 +alice .*waits/],
  ['nodes approve 2', /host-2 is in \(id 2/],
  ['nodes rename 1 build', /node 1 is now build\.rhumb\.internal/],
  ['nodes unlock-name -i 1', /node 1 is now host-1\.rhumb\.internal/],
  ['nodes tag -i 1 -t tag:b,tag:a', /node 1 \(host-1\) has tag:a tag:b/],
  ['nodes move 1 --user bob', /node 1 \(host-1\) belongs to bob/],
  ['nodes disable 1', /is disabled/],
  ['nodes enable 1', /is enabled/],
  ['nodes expire -i 1 --expiry 2090-01-01T00:00:00Z', /expires 2090-01-01 00:00:00 UTC/],
  ['nodes expire -i 1 --disable', /never expires/],
  ['nodes enable-expiry 1', /expires never/],
  ['nodes expire 1', /node 1 \(host-1\) expired/],
  ['nodes set-ip 1 --ipv4 100.64.9.9', /has 100\.64\.9\.9, fd7a/],
  ['nodes set-attribute 1 custom:tier 3 --comment paid', /custom:tier of node 1 \(host-1\) is 3/],
  ['nodes show 1', /custom:tier +3/],
  ['nodes remove-attribute 1 custom:tier', /has no custom:tier/],
  ['nodes approve-routes -i 2 -r 10.0.0.0/8', /may route 10\.0\.0\.0\/8$/],
  ['nodes approve-routes 2 --add 0.0.0.0/0', /may route 0\.0\.0\.0\/0, 10\.0\.0\.0\/8, ::\/0/],
  ['nodes list-routes -i 2', /0\.0\.0\.0\/0 +2 +host-2 +yes +yes +exit +offline/],
  ['nodes approve-routes 2 --remove ::/0', /may route 10\.0\.0\.0\/8$/],
  ['routes priority 2 --priority 7', /has the priority 7/],
  ['routes list', /10\.0\.0\.0\/8 +2 +host-2 +yes +yes +no +offline +- +7/],
  ['routes priority 2 --priority none', /has the priority none/],
  ['routes via-site 7 10.1.1.0/24', /^fd7a:115c:a1e0:b1a:0:7:a01:100\/120$/],
  ['nodes backfillips', /every machine has addresses/],
  ['nodes pending', /Request/],
  ['nodes delete 1 --force', /node 1 \(host-1\) deleted/],
])('%s', async (line, said) => {
  expect(await says(line)).toMatch(said);
});

test.each([
  ['nodes show 99', 3, /no node "99"/],
  ['nodes approve-routes 2 --routes 100.64.0.0/10', 5, /route "100\.64\.0\.0\/10" overlaps/],
  ['nodes approve-routes 2 --routes 10.0.0.0/8 --add 10.1.0.0/16', 5, /whole list/],
  ['nodes approve-routes 2', 5, /say which/],
  ['nodes approve-routes 2 --remove 10.3.0.0/16', 3, /is not approved/],
  ['nodes tag 2 -t server', 5, /a tag is tag:/],
  ['nodes move 2 --user nobody', 3, /no user "nobody"/],
  ['nodes set-ip 2', 5, /say which address/],
  ['nodes set-ip 2 --ipv4 100.100.100.100', 5, /reserved/],
  ['nodes expire 2 --expiry 2001-01-01T00:00:00Z', 5, /is over/],
  ['nodes expire 2 --expiry tomorrow', 5, /at: /],
  ['nodes reject made-up', 1, /no server runs/],
  ['routes priority 2 --priority -1', 5, /not a number/],
  ['routes via-site x 10.0.0.0/8', 5, /not a number/],
  ['nodes fly 2', 2, /unknown/],
])('%s exits with %i', async (line, exit, why) => {
  const ran = await run(...line.split(' '));
  expect([ran.exit, `${ran.err}${ran.out}`]).toEqual([exit, expect.stringMatching(why)]);
});
