/** Changes wait for each other; who lost his rights while he waited, or was told that it took too long, changes nothing any more. */
import { expect, test } from 'vitest';
import type { Caller } from '../../bridge/dispatch.ts';
import { RhumbError } from '../../errors.ts';
import type { Prefs, PrefsEdit } from '../../localapi/prefs.ts';
import type { LocalApi } from '../../node/localapi-client.ts';
import type { Desk } from '../desk.ts';
import { settingsCalls } from './settings.ts';

function setUp(first: Promise<void>) {
  const edits: PrefsEdit[] = [];
  const api: Pick<LocalApi, 'editPrefs'> = {
    editPrefs: async (edit) => {
      edits.push(edit);
      if (edits.length === 1) await first;
      return {} as Prefs;
    },
  };
  const desk: Pick<Desk, 'refresh'> = { refresh: () => undefined };
  const caller: { -readonly [K in keyof Caller]: Caller[K] } = {
    id: 'uid 1000',
    rights: 'manage',
    signal: new AbortController().signal,
    emit: () => undefined,
  };
  const calls = settingsCalls({ api: api as LocalApi, desk: desk as Desk });
  const edit = async (arg: { shieldsUp: boolean } | { operator: string }, signal = caller.signal) =>
    await calls['prefs.edit'](arg, { caller, signal });
  return { edits, caller, edit };
}

test('what waited behind another change is refused when its caller may not manage any more', async () => {
  const first = Promise.withResolvers<void>();
  const { edits, caller, edit } = setUp(first.promise);
  const done = edit({ shieldsUp: true });
  const waiting = edit({ operator: 'eve' });
  await Promise.resolve();
  caller.rights = 'readonly';
  first.resolve();
  await done;
  await expect(waiting).rejects.toThrow('not allowed any more');
  expect(edits).toEqual([{ ShieldsUp: true }]);
});

test('what never ends holds up nobody longer than its time', async () => {
  const { edits, edit } = setUp(new Promise(() => undefined));
  const time = new AbortController();
  const endless = edit({ shieldsUp: true }, time.signal);
  const next = edit({ shieldsUp: false });
  await Promise.resolve();
  time.abort(new RhumbError('timeout', 'took longer than 30 s'));
  await expect(endless).rejects.toThrow('took longer');
  await next;
  expect(edits).toEqual([{ ShieldsUp: true }, { ShieldsUp: false }]);
});

test('what its caller was told of as too late does not happen after all', async () => {
  const first = Promise.withResolvers<void>();
  const { edits, edit } = setUp(first.promise);
  const time = new AbortController();
  const done = edit({ shieldsUp: true });
  const late = edit({ operator: 'eve' }, time.signal);
  time.abort(new RhumbError('timeout', 'took longer than 30 s'));
  first.resolve();
  await done;
  await expect(late).rejects.toThrow('took longer');
  expect(edits).toEqual([{ ShieldsUp: true }]);
});
