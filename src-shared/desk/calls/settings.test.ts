/** Changes wait for each other, and who lost his rights while he waited changes nothing any more. */
import { expect, test } from 'vitest';
import type { CallContext } from '../../bridge/dispatch.ts';
import type { Prefs, PrefsEdit } from '../../localapi/prefs.ts';
import type { LocalApi } from '../../node/localapi-client.ts';
import type { Rights } from '../../ui-state/types.ts';
import type { Desk } from '../desk.ts';
import { settingsCalls } from './settings.ts';

test('what waited behind another change is refused when its caller may not manage any more', async () => {
  const first = Promise.withResolvers<void>();
  const edits: PrefsEdit[] = [];
  const api: Pick<LocalApi, 'editPrefs'> = {
    editPrefs: async (edit) => {
      edits.push(edit);
      await first.promise;
      return {} as Prefs;
    },
  };
  const desk: Pick<Desk, 'refresh'> = { refresh: () => undefined };
  const calls = settingsCalls({ api: api as LocalApi, desk: desk as Desk });
  let rights: Rights = 'manage';
  const { signal } = new AbortController();
  const context: CallContext = {
    caller: {
      id: 'uid 1000',
      get rights() {
        return rights;
      },
      signal,
      emit: () => undefined,
    },
    signal,
  };
  const done = calls['prefs.edit']({ shieldsUp: true }, context);
  const waiting = calls['prefs.edit']({ operator: 'eve' }, context);
  await Promise.resolve();
  rights = 'readonly';
  first.resolve();
  await done;
  await expect(waiting).rejects.toThrow('not allowed any more');
  expect(edits).toEqual([{ ShieldsUp: true }]);
});
