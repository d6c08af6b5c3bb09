/** When what the data plane shall be is worked out anew. */
import { expect, test } from 'vitest';
import { newPrefs } from '#shared/localapi/prefs.ts';
import { NO_PROFILE, NO_USER } from '#shared/localapi/user.ts';
import { FakeClock } from '#shared/testing/fake-clock.ts';
import { testKey } from '../testing/tunnel-host.ts';
import { fakeMap, fakeNode } from './fake-world.ts';
import { firstKnowledge } from './knowledge.ts';
import { PlaneWish } from './plane-wish.ts';

const HOUR_MS = 3_600_000;

test('a peer whose key was over while the machine slept is gone before any timer comes', () => {
  const clock = new FakeClock();
  const persist = {
    nodeKey: testKey(1),
    oldNodeKey: undefined,
    keyCreatedMs: undefined,
    lockKey: new Uint8Array(32) as never,
    user: NO_USER,
    nodeId: 'here',
  };
  const know = firstKnowledge({ login: NO_PROFILE, prefs: newPrefs(), persist });
  const until = clock.now() + HOUR_MS;
  know.map = fakeMap(fakeNode({ id: 1 }), [fakeNode({ id: 2, more: { KeyExpiry: until } })]);
  know.state = 'Running';
  const wish = new PlaneWish(clock, () => undefined);
  expect(wish.for(know)?.peers).toHaveLength(1);
  wish.watchExpiry(know.map);
  clock.stepWall(2 * HOUR_MS);
  expect(wish.for(know)?.peers).toHaveLength(0);
  wish.close();
});
