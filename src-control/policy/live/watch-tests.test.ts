/** Tests of the policy in force, run again: when machines change, once for many changes, and told once. */
import { expect, test } from 'vitest';
import { silent } from '#shared/log/log.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { nodeChange, What } from '../../state/changes.ts';
import { Network } from '../../state/network.ts';
import { sampleNode, sampleUser } from '../../store/sample-records.ts';
import { openMemoryStore } from '../../store/sqlite.ts';
import { PolicyBook } from './book.ts';
import { watchPolicyTests } from './watch-tests.ts';

const POLICY = `{
  "tagOwners": {"tag:db": ["autogroup:admin"]},
  "acls": [{"action": "accept", "src": ["*"], "dst": ["tag:db:5432"]}],
  "tests": [{"src": "100.64.0.9", "accept": ["tag:db:5432"]}],
}`;

async function setup() {
  const stack = new AsyncDisposableStack();
  const clock = new FakeClock();
  const network = stack.use(
    await Network.open({ store: await openMemoryStore(0), clock, log: silent, defer: setImmediate }),
  );
  const value = { id: 1, text: POLICY, sha256: '', author: '', comment: '', createdAt: 0 };
  await network.save({
    writes: [
      { put: 'user', value: sampleUser },
      { put: 'node', value: sampleNode(1, { userId: undefined, tags: ['tag:db'] }) },
      { put: 'policy', value },
    ],
  });
  const book = new PolicyBook({
    network,
    clock,
    log: silent,
    serverUrl: 'https://vpn.test',
    file: undefined,
  });
  let runs = 0;
  const counting = {
    failingTests: () => {
      runs += 1;
      return book.failingTests();
    },
  };
  const told: (readonly string[])[] = [];
  const watch = stack.use(
    watchPolicyTests({
      book: counting,
      network,
      clock,
      log: silent,
      failed: (lines) => void told.push(lines),
    }),
  );
  const setTags = (tags: readonly string[]) =>
    network.save({
      writes: [{ put: 'node', value: sampleNode(1, { userId: undefined, tags }) }],
      changes: [nodeChange(1, What.Tags)],
    });
  return { clock, watch, told, setTags, runs: () => runs, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test('a test that the network has left behind is told of once, and forgotten when it is good again', async () => {
  await using it = await setup();
  await it.clock.advance(5_000);
  expect([it.runs(), it.told, it.watch.failing]).toEqual([1, [], []]);
  for (const tag of ['tag:web', 'tag:api', 'tag:web']) await it.setTags([tag]);
  await it.clock.advance(5_000);
  expect(it.runs()).toBe(2);
  expect(it.told).toEqual([
    ['100.64.0.9: error testing "tag:db:5432": destination resolved to no IP addresses'],
  ]);
  await it.setTags(['tag:api']);
  await it.clock.advance(5_000);
  expect([it.told.length, it.watch.failing.length]).toEqual([1, 1]);
  await it.setTags(['tag:db']);
  await it.clock.advance(5_000);
  expect(it.watch.failing).toEqual([]);
});
