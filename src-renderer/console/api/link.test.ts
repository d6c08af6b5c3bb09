/** The line to the server's events: every edge of its machine. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Link, type LinkEvent, retryAfter, step } from './link.ts';

const lost: Link = { kind: 'lost', since: 1_000, attempt: 2 };

describe('the line', () => {
  test('that opens for the first time asks anew: what changed between the answers and now was told to nobody', () =>
    expect(step({ kind: 'connecting' }, { type: 'opened' })).toEqual([
      { kind: 'live' },
      [{ do: 'refetch' }],
    ]));

  test('that comes back asks for everything anew', () =>
    expect(step(lost, { type: 'opened' })).toEqual([{ kind: 'live' }, [{ do: 'refetch' }]]));

  test('that breaks remembers since when, and waits longer each time', () => {
    const [first, effects] = step({ kind: 'live' }, { type: 'broke', at: 5_000 });
    expect(first).toEqual({ kind: 'lost', since: 5_000, attempt: 0 });
    expect(effects).toEqual([{ do: 'connect', afterMs: 500 }]);
    const [second] = step(first, { type: 'broke', at: 6_000 });
    expect(second).toEqual({ kind: 'lost', since: 5_000, attempt: 1 });
  });

  test('of somebody who is signed out stays closed', () => {
    const [out, effects] = step({ kind: 'live' }, { type: 'refused' });
    expect([out, effects]).toEqual([{ kind: 'signed-out' }, []]);
    expect(step(out, { type: 'broke', at: 1 })).toEqual([out, []]);
  });

  test('is tried again within fifteen seconds, for ever', () => {
    for (const attempt of [0, 1, 5, 10, 1_000]) expect(retryAfter(attempt)).toBeLessThanOrEqual(15_000);
  });

  test('has an answer to every sequence of events', () => {
    const event: fc.Arbitrary<LinkEvent> = fc.oneof(
      fc.constant({ type: 'opened' } as const),
      fc.constant({ type: 'refused' } as const),
      fc.nat().map((at) => ({ type: 'broke', at }) as const),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        let link: Link = { kind: 'connecting' };
        for (const one of events) {
          const [next, effects] = step(link, one);
          expect(effects.length).toBeLessThanOrEqual(1);
          link = next;
        }
      }),
    );
  });
});
