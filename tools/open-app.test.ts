/** As whom `npm start` opens the desktop program. */
import { expect, test } from 'vitest';
import { openingOf, personBehind } from './package/open-app.ts';

const socket = '/run/x/rhumbd.sock';
const env = { DISPLAY: ':0', HOME: '/root' };

test('who is no root opens it as himself, with the sandbox', () => {
  const { argv, ids, env: given } = openingOf('/e', socket, { env, isRoot: false, person: undefined });
  expect([argv[0], argv.at(-1), argv.length, ids, given]).toEqual(['/e', `--socket=${socket}`, 3, {}, env]);
});

test('behind sudo there is a person, whose desktop it is', () => {
  const person = { uid: 1000, gid: 1001, name: 'ann', home: '/home/ann' };
  const { argv, ids, env: given } = openingOf('/e', socket, { env, isRoot: true, person });
  expect([argv.includes('--no-sandbox'), ids]).toEqual([false, { uid: 1000, gid: 1001 }]);
  expect(given).toMatchObject({ DISPLAY: ':0', HOME: '/home/ann', XDG_RUNTIME_DIR: '/run/user/1000' });
});

test('root alone goes without a sandbox, which it can not have', () => {
  expect(openingOf('/e', socket, { env, isRoot: true, person: undefined }).argv).toContain('--no-sandbox');
  expect([personBehind({}), personBehind({ SUDO_UID: '0' }), personBehind({ SUDO_UID: 'x; id' })]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
