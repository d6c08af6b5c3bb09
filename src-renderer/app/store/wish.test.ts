/** What is shown before the daemon has done it, and what the daemon's next words make of that. */
import { describe, expect, test } from 'vitest';
import { deriveUi } from '#shared/ui-state/derive.ts';
import type { Account } from '#shared/ui-state/types.ts';
import { device, settings, snapshot } from '../testing/build.ts';
import { judge, predict, type Wish } from './wish.ts';

const ON: Wish = { kind: 'running', on: true };
const OFF: Wish = { kind: 'running', on: false };
const off = snapshot({ state: 'Stopped', settings: settings({ wantRunning: false }) });
const account = (id: string, isCurrent: boolean): Account => ({
  id,
  name: id,
  loginName: id,
  network: '',
  server: '',
  isCurrent,
});

describe('what is shown', () => {
  test('the switch goes on before the daemon is', () => {
    expect(deriveUi(predict(off, ON), 0)).toBe('connecting');
  });
  test('the switch goes off at once', () => {
    expect(deriveUi(predict(snapshot(), OFF), 0)).toBe('off');
  });
  test('an exit node is used at once, and an automatic choice is over', () => {
    const harbour = device({ name: 'harbour', isExitOption: true });
    const before = snapshot({ devices: [harbour], settings: settings({ autoExitNode: 'any' }) });
    expect(deriveUi(predict(before, { kind: 'exit', id: harbour.id }), 0)).toBe('on-exit');
  });
  test('an automatic choice shows at once, and is over when the service says so', () => {
    const wish: Wish = { kind: 'auto', on: true };
    expect(predict(snapshot(), wish).settings?.autoExitNode).toBe('any');
    expect(judge(wish, snapshot(), snapshot({ settings: settings({ autoExitNode: 'any' }) }))).toBe(
      'granted',
    );
    expect(judge(wish, snapshot(), snapshot())).toBe('open');
  });
  test('another account connects', () => {
    const before = snapshot({ accounts: [account('a', true), account('b', false)] });
    const after = predict(before, { kind: 'account', id: 'b' });
    expect(after.accounts.find(({ isCurrent }) => isCurrent)?.id).toBe('b');
    expect(deriveUi(after, 0)).toBe('connecting');
  });
});

describe('what the daemon says then', () => {
  test.each([
    { name: 'starting is what was wished for', after: snapshot({ state: 'Starting' }), want: 'granted' },
    { name: 'still off leaves it open', after: off, want: 'open' },
    { name: 'to sign in is another answer', after: snapshot({ state: 'NeedsLogin' }), want: 'contradicted' },
    {
      name: 'a daemon that is gone grants nothing',
      after: snapshot({ link: { kind: 'lost', sinceMs: 0 } }),
      want: 'contradicted',
    },
  ])('$name', ({ after, want }) => {
    expect(judge(ON, off, after)).toBe(want);
  });
  test('somebody else who picks another exit node wins', () => {
    const using = (exitNodeId: string) => snapshot({ settings: settings({ exitNodeId }) });
    const wish: Wish = { kind: 'exit', id: 'b' };
    expect(judge(wish, using('a'), using('a'))).toBe('open');
    expect(judge(wish, using('a'), using('b'))).toBe('granted');
    expect(judge(wish, using('a'), using('c'))).toBe('contradicted');
  });
});
